#include "table/plugins/sql.h"

#include "base/mem.h"

#include <stdlib.h>
#include <sys/random.h>
#include <time.h>

static int64_t now_s(void)
{
    struct timespec t;

    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec;
}

static uint32_t any_number(void)
{
    uint32_t number;

    return getrandom(&number, sizeof number, GRND_NONBLOCK) == (ssize_t)sizeof number ? number : 0;
}

static void disconnect(const struct sql_table *t, struct host *h)
{
    if (h->connection)
        t->driver->disconnect(h->connection);
    h->connection = NULL;
}

static void close_idle(struct sql_table *t)
{
    int64_t now = now_s();

    for (size_t i = 0; i < t->hosts.count; i++)
        if (hosts_is_idle(&t->hosts, &t->hosts.list[i], now))
            disconnect(t, &t->hosts.list[i]);
}

/* ---- one lookup ---- */

static enum sql_outcome ask(struct sql_table *t, struct host *h, struct query_values *values)
{
    if (h->connection == NULL)
        h->connection = t->driver->connect(t->context, h);
    if (h->connection == NULL)
        return SQL_FAILED;
    buf_clear(&t->text);
    if (key_format_expand_quoted(t->query.template, values->key, t->driver->quote, h->connection,
                                 &t->text) != KEY_FORMAT_OK)
        return SQL_FAILED; /* that the key lacks nothing is known */
    return t->driver->ask(t->context, h, buf_cstr(&t->text), values);
}

static enum plugin_result finish(const struct sql_table *t, const struct query_values *values)
{
    if (values->too_many)
        log_warning("dict_" STR_FMT "_lookup: " STR_FMT
                    ": Expansion limit exceeded for key: '" STR_FMT "'",
                    STR_ARG(t->query.type), STR_ARG(t->query.name), STR_ARG(values->key));
    return query_values_result(values);
}

static enum plugin_result ask_hosts(struct sql_table *t, struct str key, struct buf *out)
{
    struct host *h;

    while ((h = hosts_choose(&t->hosts, now_s(), any_number()))) {
        struct query_values values = { .query = &t->query, .key = key, .out = out };
        buf_clear(out);
        if (ask(t, h, &values) == SQL_DONE) {
            hosts_note_use(h, now_s());
            return finish(t, &values);
        }
        disconnect(t, h);
        hosts_note_failure(&t->hosts, h, now_s());
    }
    return PLUGIN_ERROR;
}

enum plugin_result sql_lookup(void *table, struct str key, struct buf *out)
{
    struct sql_table *t = table;

    buf_clear(&t->text);
    if (key_format_expand(t->query.template, key, &t->text) != KEY_FORMAT_OK)
        return PLUGIN_NOT_FOUND;
    close_idle(t);
    return ask_hosts(t, key, out);
}

/* ---- the table ---- */

void *sql_open(const struct sql_driver *driver, const struct plugin_settings *s, struct buf *error)
{
    struct sql_table *t = mem_alloc(sizeof *t);

    t->driver = driver;
    if (driver->requires_dbname)
        (void)s->required(s->context, "dbname");
    query_init_sql(&t->query, s, driver->select_function);
    hosts_parse(&t->hosts, &t->query.arena, s->text(s->context, "hosts", "localhost"));
    t->hosts.retry_s = s->number(s->context, "retry_interval", 60, 1);
    t->hosts.idle_s = s->number(s->context, "idle_interval", 60, 1);
    t->context = driver->open(t, s, error);
    if (t->context)
        return t;
    sql_close(t);
    return NULL;
}

void sql_close(void *table)
{
    struct sql_table *t = table;

    for (size_t i = 0; i < t->hosts.count; i++)
        disconnect(t, &t->hosts.list[i]);
    buf_free(&t->text);
    query_fini(&t->query);
    free(t);
}
