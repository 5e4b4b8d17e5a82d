/* proxymap - look up tables, or (as proxywrite) change them, for processes that cannot or may not open them.
 *
 * Runs as:   mail_owner, inside the queue directory when master.cf says chroot
 * Trusts:    main.cf, and the tables that proxy_read_maps and proxy_write_maps name
 * Distrusts: its clients: they get approved tables only */
#include "base/log.h"
#include "base/map.h"
#include "ipc/connector.h"
#include "ipc/desk.h"
#include "ipc/messages/table.h"
#include "service/service.h"
#include "table/proxy.h"
#include "table/table.h"

/* What a client may choose about its view of a table. */
#define CLIENT_FLAGS (TABLE_FOLD | TABLE_UTF8 | TABLE_NO_SUBSTITUTION | TABLE_VALUES_ARE_FILES)

static struct {
    struct service *svc;
    struct map tables; /* open ones, by flags and name */
    bool writes;       /* this is proxywrite */
} proxymap;

/* ---- tables ---- */

static bool is_approved(struct str table)
{
    struct str list = proxymap.writes ? proxymap_conf.proxy_write_maps : table_conf.proxy_read_maps;

    return proxy_is_approved(list, table) ||
           (proxymap.writes && proxy_is_approved(site_conf.relevo_mta_sts_cache, table));
}

static void log_refusal(struct str table)
{
    log_warning("request for unapproved table: \"" STR_FMT "\"", STR_ARG(table));
    log_warning("to approve this table for %s access, list proxy:" STR_FMT " in main.cf:%s",
                proxymap.writes ? "read-write" : "read-only", STR_ARG(table),
                proxymap.writes ? "proxy_write_maps" : "proxy_read_maps");
}

/* A table that could not be opened is not kept: it may be there at the next question. */
static struct table *open_table(struct str name, int flags, bool first_time)
{
    unsigned wanted = ((unsigned)flags & CLIENT_FLAGS) | TABLE_NO_PROXY;
    BUF_AUTO(key, 0);

    buf_add_int(&key, (int)wanted);
    buf_join(&key, STR(" "), name);
    struct table *t = map_get(&proxymap.tables, buf_str(&key));
    if (t)
        return t;
    t = table_open(
        name, wanted | (proxymap.writes ? TABLE_WRITE : 0) | (first_time ? 0 : TABLE_QUIET), NULL);
    if (table_is_open(t))
        (void)map_set(&proxymap.tables, buf_str(&key), t);
    return t;
}

static void release_table(struct table *t)
{
    if (!table_is_open(t))
        table_close(t);
}

/* ---- questions ---- */

static enum table_status do_open(struct table *t, const struct table_question *q, struct buf *value)
{
    (void)q;
    (void)value;
    return table_is_open(t) ? TABLE_STATUS_OK : TABLE_STATUS_FAILED;
}

static enum table_status do_lookup(struct table *t, const struct table_question *q,
                                   struct buf *value)
{
    static const enum table_status statuses[] = { [TABLE_FOUND] = TABLE_STATUS_OK,
                                                  [TABLE_NOT_FOUND] = TABLE_STATUS_NOT_FOUND,
                                                  [TABLE_ERROR] = TABLE_STATUS_FAILED };

    return statuses[table_lookup(t, q->key, value)];
}

static enum table_status do_update(struct table *t, const struct table_question *q,
                                   struct buf *value)
{
    (void)value;
    return table_update(t, q->key, q->value) ? TABLE_STATUS_OK : TABLE_STATUS_FAILED;
}

static enum table_status do_delete(struct table *t, const struct table_question *q,
                                   struct buf *value)
{
    (void)value;
    return table_delete(t, q->key) ? TABLE_STATUS_OK : TABLE_STATUS_FAILED;
}

static const struct question_kind {
    char kind;
    bool writes;
    enum table_status (*act)(struct table *t, const struct table_question *q, struct buf *value);
} kinds[] = {
    { 'O', false, do_open },
    { 'L', false, do_lookup },
    { 'U', true, do_update },
    { 'D', true, do_delete },
};

static const struct question_kind *find_kind(char kind)
{
    for (size_t i = 0; i < ARRAY_LEN(kinds); i++)
        if (kinds[i].kind == kind)
            return &kinds[i];
    return NULL;
}

static void put_answer(struct buf *out, const struct table_answer *answer)
{
    BUF_AUTO(body, 0);

    table_answer_encode(&body, answer);
    if (channel_frame(out, 'a', buf_str(&body)))
        return;
    log_warning("a value of %zu bytes is too long to be sent", answer->value.len);
    put_answer(out, &(struct table_answer){ .status = TABLE_STATUS_FAILED });
}

static void answer(const struct question_kind *kind, const struct table_question *q,
                   struct buf *out)
{
    struct table_answer a = { .status = TABLE_STATUS_DENIED };
    BUF_AUTO(value, 0);

    if (!is_approved(q->table)) {
        log_refusal(q->table);
    } else if (!kind->writes || proxymap.writes) {
        struct table *t = open_table(q->table, q->flags, kind->act == do_open);
        a.status = (int)kind->act(t, q, &value);
        a.partial = table_takes_partial_keys(t);
        a.value = buf_str(&value);
        put_answer(out, &a);
        release_table(t);
        return;
    }
    put_answer(out, &a);
}

/* ---- clients ---- */

static bool take_question(void *context, struct desk_client *c, char letter, struct str body)
{
    const struct question_kind *kind = find_kind(letter);
    struct table_question q;

    (void)context;
    if (kind == NULL || !table_question_decode(&body, &q))
        return false;
    answer(kind, &q, &c->out);
    return true;
}

/* The client asks again, and the successor of this process answers from the new file. */
static bool tables_are_fresh(void *context)
{
    BUF_AUTO(table, 1000);

    (void)context;
    if (connector_is_lost(connector_shared())) {
        service_replace(proxymap.svc);
        return false;
    }
    if (!tables_have_changed(&table))
        return true;
    service_restart_for(proxymap.svc, buf_cstr(&table));
    return false;
}

static void serve_client(struct service *svc, int fd)
{
    static struct desk desk = { .answer = take_question, .is_open = tables_are_fresh };

    desk.loop = service_loop(svc);
    desk_serve(&desk, fd);
}

/* What asks a server is opened now, while servers can still be named. */
static void open_those_with_servers(struct str list)
{
    struct str word;
    bool braced;

    while (str_token_braced(&list, ", \t\r\n", &word, &braced)) {
        if (braced) {
            open_those_with_servers(word);
        } else if (str_skip_prefix(&word, STR("proxy:"))) {
            struct str type, name;
            table_spec_split(word, &type, &name);
            if (table_type_asks_server(type))
                (void)open_table(word, TABLE_DEFAULT, true);
        }
    }
}

static void start(struct service *svc)
{
    proxymap.svc = svc;
    proxymap.writes = str_equal(service_name(svc), site_conf.proxywrite_service_name);
    if (proxymap.writes) /* a cache has one writer */
        service_require_single(svc);
    open_those_with_servers(proxymap.writes ? proxymap_conf.proxy_write_maps
                                            : table_conf.proxy_read_maps);
}

static const struct service_spec spec = {
    .name = "proxymap",
    .kind = SERVICE_MULTI,
    .params = (const struct param_set *const[]){ &proxymap_param_set, NULL },
    .sandbox = SANDBOX_TABLES,
    .keeps_groups = true,
    .process_limit = -1,
    .before_jail = start,
    .serve = serve_client,
};

int main(int argc, char **argv) { service_main(&spec, argc, argv); }
