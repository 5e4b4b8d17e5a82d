/* sqlite - tables in a SQLite data base. */
#include "base/mem.h"
#include "table/plugins/log.h"
#include "table/plugins/query.h"

#include <errno.h>
#include <sqlite3.h>
#include <stdlib.h>
#include <string.h>

struct sqlite_table {
    struct query query;
    sqlite3 *db;
    struct buf text;
};

/* ' is the only character that says anything between single quotes. */
static bool quote(void *context, struct str part, struct buf *out)
{
    (void)context;
    for (size_t i = 0; i < part.len; i++) {
        if (part.ptr[i] == '\'')
            buf_addc(out, '\'');
        buf_addc(out, part.ptr[i]);
    }
    return true;
}

/* ---- lookups ---- */

static enum plugin_result broken(const struct sqlite_table *t, struct buf *out)
{
    buf_clear(out);
    buf_join(out, STR("dict_sqlite_lookup: "), t->query.name, STR(": SQL prepare failed: "),
             str_from(sqlite3_errmsg(t->db)), STR("?"));
    return PLUGIN_BROKEN;
}

/* The first column of each row. */
static int take_rows(sqlite3_stmt *statement, struct query_values *values)
{
    int status;

    while ((status = sqlite3_step(statement)) == SQLITE_ROW) {
        const char *value = (const char *)sqlite3_column_text(statement, 0);
        if (value && !query_add_value(
                         values, (struct str){ value, (size_t)sqlite3_column_bytes(statement, 0) }))
            return SQLITE_DONE;
    }
    return status;
}

static enum plugin_result finish(const struct sqlite_table *t, int status,
                                 const struct query_values *values)
{
    if (status != SQLITE_DONE) {
        log_warning("dict_sqlite_lookup: " STR_FMT ": SQL step failed for query '" STR_FMT "': %s?",
                    STR_ARG(t->query.name), STR_ARG(buf_str(&t->text)), sqlite3_errmsg(t->db));
        return PLUGIN_ERROR;
    }
    if (values->too_many)
        log_warning("dict_sqlite_lookup: " STR_FMT ": Expansion limit exceeded for key '" STR_FMT
                    "'",
                    STR_ARG(t->query.name), STR_ARG(values->key));
    return query_values_result(values);
}

static enum plugin_result sqlite_lookup(void *table, struct str key, struct buf *out)
{
    struct sqlite_table *t = table;
    struct query_values values = { .query = &t->query, .key = key, .out = out };
    sqlite3_stmt *statement = NULL;

    buf_clear(&t->text);
    if (key_format_expand_quoted(t->query.template, key, quote, NULL, &t->text) != KEY_FORMAT_OK)
        return PLUGIN_NOT_FOUND;
    int status = sqlite3_prepare_v2(t->db, buf_cstr(&t->text), -1, &statement, NULL);
    if (status == SQLITE_BUSY || status == SQLITE_LOCKED)
        return finish(t, status, &values);
    if (status != SQLITE_OK)
        return broken(t, out);
    enum plugin_result result = finish(t, take_rows(statement, &values), &values);
    sqlite3_finalize(statement);
    return result;
}

/* ---- the table ---- */

static void sqlite_close(void *table)
{
    struct sqlite_table *t = table;

    sqlite3_close(t->db);
    buf_free(&t->text);
    query_fini(&t->query);
    free(t);
}

/* A key is made harmless between single quotes, and nowhere else. */
static bool has_bare_key(struct str query)
{
    bool quoted = false;

    for (size_t i = 0; i + 1 < query.len; i++) {
        if (query.ptr[i] == '\'')
            quoted = !quoted;
        if (query.ptr[i] == '%' && query.ptr[++i] == 's' && !quoted)
            return true;
    }
    return false;
}

static void check_quotes(const struct sqlite_table *t)
{
    struct str query = t->query.template;

    if (has_bare_key(query))
        log_warning("sqlite:" STR_FMT ": query >" STR_FMT
                    "< contains >%%s< without the recommended '' quotes",
                    STR_ARG(t->query.name), STR_ARG(query));
}

static bool open_data_base(struct sqlite_table *t, const char *path, struct buf *error)
{
    if (sqlite3_open_v2(path, &t->db, SQLITE_OPEN_READONLY, NULL) == SQLITE_OK)
        return true;
    int reason = t->db ? sqlite3_system_errno(t->db) : ENOMEM;
    buf_join(error, STR("sqlite:"), t->query.name, STR(": open database "), str_from(path),
             STR(": "), str_from(t->db ? sqlite3_errmsg(t->db) : "out of memory"), STR(": "),
             str_from(strerror(reason)));
    return false;
}

static void *sqlite_open(const struct plugin_settings *s, struct buf *error)
{
    enum { LOCK_WAIT_MS = 10000 }; /* while somebody else writes */
    struct sqlite_table *t = mem_alloc(sizeof *t);
    struct str wanted = s->required(s->context, "dbpath");

    query_init_sql(&t->query, s, false);
    const char *path = query_keep_cstr(&t->query, wanted);
    check_quotes(t);
    if (!open_data_base(t, path, error)) {
        sqlite_close(t);
        return NULL;
    }
    sqlite3_busy_timeout(t->db, LOCK_WAIT_MS);
    return t;
}

const struct table_plugin relevo_table_plugin = { .version = TABLE_PLUGIN_VERSION,
                                                  .set_log = plugin_set_log,
                                                  .open = sqlite_open,
                                                  .lookup = sqlite_lookup,
                                                  .close = sqlite_close };
