/* proxy:type:name (table/proxy.h). */
#include "table/proxy.h"

#include "base/log.h"
#include "base/mem.h"
#include "conf/params.h"
#include "ipc/channel.h"
#include "ipc/messages/table.h"
#include "os/clone.h"
#include "table/driver.h"

#include <errno.h>
#include <stdlib.h>

#define TRIES 3

/* ---- approval ---- */

static bool names_table(struct str word, struct str table)
{
    return str_skip_prefix(&word, STR("proxy:")) && str_equal(word, table);
}

bool proxy_is_approved(struct str list, struct str table)
{
    struct str word;
    bool braced;

    while (str_token_braced(&list, ", \t\r\n", &word, &braced))
        if (braced ? proxy_is_approved(word, table) : names_table(word, table))
            return true;
    return false;
}

/* ---- the client's side ---- */

struct remote {
    struct channel channel;
    struct str service; /* its name below private/ */
};

static bool connect_service(struct remote *r, struct buf *error)
{
    BUF_AUTO(directory, 0);

    if (channel_open(&r->channel, "private", r->service, site_conf.ipc_timeout))
        return true;
    /* Commands run anywhere; a daemon is in the queue directory, and may know no other. */
    buf_join(&directory, site_conf.queue_directory, STR("/private"));
    if (channel_open(&r->channel, buf_cstr(&directory), r->service, site_conf.ipc_timeout))
        return true;
    buf_clear(error);
    buf_join(error, STR("connect to private/"), r->service, STR(": "), str_from(strerror(errno)));
    return false;
}

static void disconnect(struct remote *r)
{
    if (channel_is_open(&r->channel))
        channel_close(&r->channel);
}

static bool exchange(struct remote *r, char kind, const struct table_question *q,
                     struct table_answer *answer)
{
    struct str body;
    char answered;

    table_question_encode(channel_begin(&r->channel, kind), q);
    return channel_end(&r->channel) && channel_receive(&r->channel, &answered, &body) == IO_OK &&
           answered == 'a' && table_answer_decode(&body, answer);
}

/* proxymap leaves when it is used up or a table has changed: then a sibling or its successor is asked. */
static bool ask(struct remote *r, char kind, const struct table_question *q,
                struct table_answer *answer, struct buf *error)
{
    for (int i = 0; i < TRIES; i++) {
        if (!channel_is_open(&r->channel) && !connect_service(r, error))
            return false;
        if (exchange(r, kind, q, answer))
            return true;
        disconnect(r);
    }
    buf_clear(error);
    buf_join(error, STR("service private/"), r->service, STR(" does not answer"));
    return false;
}

static enum table_status ask_about(struct table *t, char kind, struct str key, struct str value,
                                   struct table_answer *answer)
{
    const struct table_question q = {
        .table = t->name, .flags = (int)t->flags, .key = key, .value = value
    };
    BUF_AUTO(error, 0);

    if (ask(t->data, kind, &q, answer, &error))
        return (enum table_status)answer->status;
    log_warning("%s: " STR_FMT, t->spec, STR_ARG(buf_str(&error)));
    return TABLE_STATUS_FAILED;
}

static enum table_result remote_lookup(struct table *t, struct str key, struct str *value)
{
    struct table_answer answer;
    enum table_status status = ask_about(t, 'L', key, STR_NONE, &answer);

    if (status == TABLE_STATUS_NOT_FOUND)
        return TABLE_NOT_FOUND;
    if (status != TABLE_STATUS_OK)
        return TABLE_ERROR;
    *value = answer.value;
    return TABLE_FOUND;
}

static bool remote_update(struct table *t, struct str key, struct str value)
{
    struct table_answer answer;

    return ask_about(t, 'U', key, value, &answer) == TABLE_STATUS_OK;
}

static bool remote_remove(struct table *t, struct str key)
{
    struct table_answer answer;

    return ask_about(t, 'D', key, STR_NONE, &answer) == TABLE_STATUS_OK;
}

/* What one of us asks the other would hear. */
static void remote_renew(void *context) { disconnect(context); }

static void remote_close(struct table *t)
{
    struct remote *r = t->data;

    clone_no_more(r);
    disconnect(r);
    free(r);
}

/* A table that proxymap could not open is open here: it says so at every lookup, and may find it later. */
static bool open_remote(struct table *t, struct buf *error)
{
    static const struct table_ops ops = { .lookup = remote_lookup,
                                          .update = remote_update,
                                          .remove = remote_remove,
                                          .close = remote_close };
    const struct table_question q = { .table = t->name, .flags = (int)t->flags };
    struct table_answer answer;
    struct remote *r = mem_alloc(sizeof *r);

    *r = (struct remote){ .channel = CHANNEL_NONE,
                          .service = t->flags & TABLE_WRITE ? site_conf.proxywrite_service_name
                                                            : site_conf.proxymap_service_name };
    t->data = r;
    clone_renews(remote_renew, r);
    bool asked = ask(r, 'O', &q, &answer, error);
    if (asked && answer.status != TABLE_STATUS_DENIED) {
        t->traits = answer.partial ? TABLE_FIXED : 0;
        t->ops = &ops;
        return true;
    }
    if (asked) {
        buf_clear(error);
        buf_join(error, r->service, STR(" service is not configured for table \""), t->name,
                 STR("\""));
    }
    remote_close(t);
    return false;
}

/* What asks a server is asked for by one process, so that the server has few connections. */
static bool may_open_it_here(const struct table *t)
{
    struct str type, name;

    table_spec_split(t->name, &type, &name);
    return !(t->flags & TABLE_WRITE) && !table_type_asks_server(type) &&
           proxy_is_approved(table_conf.proxy_read_maps, t->name);
}

static bool open_proxy(struct table *t, struct buf *error)
{
    if (t->flags & TABLE_NO_PROXY)
        return table_open_inside(t, error);
    if (!may_open_it_here(t))
        return open_remote(t, error);
    if (table_open_inside(t, error))
        return true;
    /* The reason of the first failure is the better one when there is nobody to ask. */
    BUF_AUTO(second, 0);
    return open_remote(t, &second);
}

TABLE_TYPE(proxy, .open = open_proxy, .traits = TABLE_WRITES);
