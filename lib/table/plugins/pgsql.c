/* pgsql - tables of PostgreSQL servers. */
#include "table/plugins/log.h"
#include "table/plugins/sql.h"

#include <libpq-fe.h>
#include <stdlib.h>

struct pgsql {
    const char *user, *password, *dbname, *encoding; /* NULL: the library's default */
};

/* libpq's messages end in a line feed, and may have more lines. */
static void warn(const char *what, const struct host *h, const char *message)
{
    log_warning("%s " STR_FMT ": %s", what, STR_ARG(h->text), message);
}

/* ---- connections ---- */

static PGconn *connect_by_parts(const struct pgsql *p, const struct host *h)
{
    const char *const names[] = { "host", "port", "dbname", "user", "password", NULL };
    const char *const values[] = { h->name, h->port, p->dbname, p->user, p->password, NULL };

    return PQconnectdbParams(names, values, 0);
}

static void *pgsql_connect(void *context, const struct host *h)
{
    const struct pgsql *p = context;
    PGconn *c = h->kind == HOST_URI ? PQconnectdb(h->name) : connect_by_parts(p, h);

    if (PQstatus(c) != CONNECTION_OK) {
        warn("connect to pgsql server", h, PQerrorMessage(c));
        PQfinish(c);
        return NULL;
    }
    if (PQsetClientEncoding(c, p->encoding) != 0) {
        log_warning("dict_pgsql: cannot set the encoding to %s, skipping " STR_FMT, p->encoding,
                    STR_ARG(h->text));
        PQfinish(c);
        return NULL;
    }
    return c;
}

static void pgsql_disconnect(void *connection) { PQfinish(connection); }

/* In the connection's encoding, between single quotes. */
static bool quote(void *connection, struct str part, struct buf *out)
{
    char *room = buf_reserve(out, 2 * part.len + 1);
    int failed = 0;

    if (room == NULL)
        return false;
    out->len += PQescapeStringConn(connection, room, part.ptr, part.len, &failed);
    if (failed)
        log_warning("dict_pgsql: cannot escape input string: %s", PQerrorMessage(connection));
    return !failed;
}

/* ---- queries ---- */

static void take_rows(const PGresult *result, struct query_values *values)
{
    int rows = PQntuples(result), columns = PQnfields(result);

    for (int row = 0; row < rows; row++)
        for (int column = 0; column < columns; column++)
            if (!PQgetisnull(result, row, column) &&
                !query_add_value(values, (struct str){ PQgetvalue(result, row, column),
                                                       (size_t)PQgetlength(result, row, column) }))
                return;
}

static enum sql_outcome judge(const struct host *h, const PGresult *result)
{
    switch (PQresultStatus(result)) {
    case PGRES_TUPLES_OK:
    case PGRES_COMMAND_OK:
        return SQL_DONE;
    case PGRES_BAD_RESPONSE:
        log_warning("pgsql query failed: protocol error, host " STR_FMT, STR_ARG(h->text));
        return SQL_FAILED;
    default:
        warn("pgsql query failed: fatal error from host", h, PQerrorMessage(h->connection));
        return SQL_FAILED;
    }
}

static enum sql_outcome pgsql_ask(void *context, const struct host *h, const char *query,
                                  struct query_values *values)
{
    PGresult *result = PQexec(h->connection, query);
    enum sql_outcome outcome = judge(h, result);

    (void)context;
    if (outcome == SQL_DONE)
        take_rows(result, values);
    PQclear(result);
    return outcome;
}

/* ---- the table ---- */

static bool needs_dbname(const struct hosts *hosts, struct str *target)
{
    for (size_t i = 0; i < hosts->count; i++)
        if (hosts->list[i].kind != HOST_URI) {
            *target = hosts->list[i].text;
            return true;
        }
    return false;
}

static void *pgsql_open(struct sql_table *t, const struct plugin_settings *s, struct buf *error)
{
    struct pgsql *p = arena_alloc(&t->query.arena, sizeof *p);
    struct str target;

    p->user = query_keep_cstr(&t->query, s->text(s->context, "user", ""));
    p->password = query_keep_cstr(&t->query, s->text(s->context, "password", ""));
    p->dbname = query_keep_cstr(&t->query, s->text(s->context, "dbname", ""));
    p->encoding = query_keep_cstr(&t->query, s->text(s->context, "encoding", "UTF8"));
    if (p->encoding == NULL)
        p->encoding = "UTF8";
    if (p->dbname == NULL && needs_dbname(&t->hosts, &target)) {
        buf_join(error, STR("pgsql:"), s->name, STR(" host target '"), target,
                 STR("' requires dbname setting"));
        return NULL;
    }
    return p;
}

static void *pgsql_table_open(const struct plugin_settings *s, struct buf *error)
{
    static const struct sql_driver driver = { .select_function = true,
                                              .open = pgsql_open,
                                              .connect = pgsql_connect,
                                              .disconnect = pgsql_disconnect,
                                              .quote = quote,
                                              .ask = pgsql_ask };

    return sql_open(&driver, s, error);
}

const struct table_plugin relevo_table_plugin = { .version = TABLE_PLUGIN_VERSION,
                                                  .set_log = plugin_set_log,
                                                  .open = pgsql_table_open,
                                                  .lookup = sql_lookup,
                                                  .close = sql_close };
