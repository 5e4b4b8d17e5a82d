#include "table/server.h"

#include "base/list.h"
#include "base/mem.h"
#include "ipc/connector.h"
#include "os/clock.h"

#include <stdlib.h>

struct table_server {
    struct list node;
    unsigned references;
    char *endpoint;
    const struct table_server_rules *rules;
    int entry; /* the connector's number of it */
    struct link link;
    int64_t opened_ms, used_ms;
};

/* Of this process, as the tables themselves are (table/table). */
static struct list servers = { &servers, &servers };

static struct table_server *find(struct str endpoint, const struct table_server_rules *rules)
{
    LIST_FOREACH(&servers, node)
    {
        struct table_server *s = LIST_ITEM(node, struct table_server, node);

        if (s->rules == rules && str_equal(str_from(s->endpoint), endpoint))
            return s;
    }
    return NULL;
}

static char *copy(struct str text)
{
    BUF_AUTO(whole, 0);

    buf_add(&whole, text);
    return mem_copy_cstr(buf_cstr(&whole));
}

struct table_server *table_server_open(struct str endpoint, const struct table_server_rules *rules,
                                       struct buf *error)
{
    struct table_server *s = find(endpoint, rules);

    if (s == NULL) {
        int entry = connector_add(connector_shared(), endpoint, error);
        if (entry < 0)
            return NULL;
        s = mem_alloc(sizeof *s);
        *s = (struct table_server){ .rules = rules, .entry = entry, .endpoint = copy(endpoint) };
        s->link = (struct link)LINK_NONE;
        list_append(&servers, &s->node);
    }
    s->references++;
    return s;
}

void table_server_close(struct table_server *s)
{
    if (s == NULL || --s->references > 0)
        return;
    list_remove(&s->node);
    link_close(&s->link);
    free(s->endpoint);
    free(s);
}

struct str table_server_place(const struct table_server *s)
{
    struct str place = str_from(s->endpoint);

    (void)str_cut(&place, ':');
    return place;
}

struct link *table_server_link(struct table_server *s) { return &s->link; }

static bool is_over(int64_t since_ms, int64_t now_ms, int limit_s)
{
    return limit_s && now_ms - since_ms > (int64_t)limit_s * 1000;
}

/* A server that was started anew has closed it. */
static bool is_stale(const struct table_server *s)
{
    int64_t now = clock_now_ms();

    return is_over(s->used_ms, now, s->rules->idle_s) ||
           is_over(s->opened_ms, now, s->rules->life_s) || !stream_is_quiet(&s->link.stream, 0);
}

bool table_server_connect(struct table_server *s, struct buf *why)
{
    if (link_is_open(&s->link) && is_stale(s))
        link_close(&s->link);
    if (!link_is_open(&s->link)) {
        int fd = connector_connect(connector_shared(), s->entry, s->rules->timeout_s, why);
        if (fd < 0)
            return false;
        link_init(&s->link, fd, s->rules->timeout_s, s->rules->answer_max, 0);
        s->opened_ms = clock_now_ms();
    }
    s->used_ms = clock_now_ms();
    return true;
}

void table_server_disconnect(struct table_server *s) { link_close(&s->link); }
