/* mysql - tables of MySQL and MariaDB servers. */
#include "table/plugins/log.h"
#include "table/plugins/sql.h"

#include <mysql.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdlib.h>

struct mysql {
    struct query *query;
    const char *user, *password, *dbname, *charset; /* NULL: the library's default */
    const char *option_file, *option_group;
    const char *tls_key, *tls_cert, *tls_ca_file, *tls_ca_path, *tls_ciphers;
    int tls_verify; /* -1: the library's default */
    bool require_result_set;
};

/* ---- connections ---- */

static void set_options(const struct mysql *m, MYSQL *c)
{
    my_bool verify = (my_bool)(m->tls_verify > 0);

    if (m->option_file)
        mysql_options(c, MYSQL_READ_DEFAULT_FILE, m->option_file);
    if (m->option_group)
        mysql_options(c, MYSQL_READ_DEFAULT_GROUP, m->option_group);
    if (m->tls_key || m->tls_cert || m->tls_ca_file || m->tls_ca_path || m->tls_ciphers)
        mysql_ssl_set(c, m->tls_key, m->tls_cert, m->tls_ca_file, m->tls_ca_path, m->tls_ciphers);
    if (m->tls_verify >= 0)
        mysql_options(c, MYSQL_OPT_SSL_VERIFY_SERVER_CERT, &verify);
}

static unsigned port_of(const struct host *h)
{
    char *end = NULL;

    if (h->port == NULL)
        return 0;
    unsigned long number = strtoul(h->port, &end, 10);
    if (*h->port && *end == '\0' && number <= 65535)
        return (unsigned)number;
    const struct servent *known = getservbyname(h->port, "tcp");
    if (known == NULL)
        log_fatal("unknown service: %s/tcp", h->port);
    return ntohs((uint16_t)known->s_port);
}

static bool connect_to(const struct mysql *m, const struct host *h, MYSQL *c)
{
    bool local = h->kind == HOST_UNIX;

    set_options(m, c);
    if (mysql_real_connect(c, local ? NULL : h->name, m->user, m->password, m->dbname,
                           local ? 0 : port_of(h), local ? h->name : NULL,
                           CLIENT_MULTI_RESULTS) == NULL) {
        log_warning("connect to mysql server " STR_FMT ": %s", STR_ARG(h->text), mysql_error(c));
        return false;
    }
    if (m->charset && mysql_set_character_set(c, m->charset) != 0) {
        log_warning("dict_mysql: mysql_set_character_set '%s' failed: %s", m->charset,
                    mysql_error(c));
        return false;
    }
    return true;
}

static void *mysql_connect_host(void *context, const struct host *h)
{
    MYSQL *c = mysql_init(NULL);

    if (c == NULL)
        log_fatal("dict_mysql: insufficient memory");
    if (connect_to(context, h, c))
        return c;
    mysql_close(c);
    return NULL;
}

static void mysql_disconnect(void *connection) { mysql_close(connection); }

/* In the connection's character set, between quotes of either kind. */
static bool quote(void *connection, struct str part, struct buf *out)
{
    char *room = buf_reserve(out, 2 * part.len + 1);
    unsigned long len = room ? mysql_real_escape_string(connection, room, part.ptr, part.len) : 0;

    if (room == NULL || len == (unsigned long)-1) {
        log_warning("dict_mysql: cannot escape input string: >" STR_FMT "<", STR_ARG(part));
        return false;
    }
    out->len += len;
    return true;
}

/* ---- queries ---- */

static void take_rows(MYSQL_RES *rows, struct query_values *values)
{
    unsigned columns = mysql_num_fields(rows);
    MYSQL_ROW row;

    while ((row = mysql_fetch_row(rows))) {
        const unsigned long *lengths = mysql_fetch_lengths(rows);
        for (unsigned i = 0; i < columns; i++)
            if (row[i] && !query_add_value(values, (struct str){ row[i], lengths[i] }))
                return;
    }
}

static enum sql_outcome fail(const struct mysql *m, const char *what, const char *why)
{
    log_warning("mysql:" STR_FMT ": query failed%s: %s", STR_ARG(m->query->name), what, why);
    return SQL_FAILED;
}

/* The first set of rows; all others must be without any, as the status of a stored procedure is. */
static enum sql_outcome take_sets(const struct mysql *m, MYSQL *c, struct query_values *values)
{
    bool found = false;
    int more;

    do {
        MYSQL_RES *rows = mysql_store_result(c);
        if (rows == NULL && mysql_field_count(c) != 0)
            return fail(m, " (mysql_store_result)", mysql_error(c));
        if (rows && !found)
            take_rows(rows, values);
        mysql_free_result(rows);
        if (rows && found)
            return fail(m, "", "multiple result sets returning data are not supported");
        found = found || rows;
        more = mysql_next_result(c);
    } while (more == 0);
    if (more > 0)
        return fail(m, " (mysql_next_result)", mysql_error(c));
    if (!found && m->require_result_set)
        return fail(m, "", "query returned no result set(require_result_set = yes)");
    return SQL_DONE;
}

static enum sql_outcome mysql_ask(void *context, const struct host *h, const char *query,
                                  struct query_values *values)
{
    const struct mysql *m = context;

    if (mysql_query(h->connection, query) != 0)
        return fail(m, "", mysql_error(h->connection));
    return take_sets(m, h->connection, values);
}

/* ---- the table ---- */

static void *mysql_open(struct sql_table *t, const struct plugin_settings *s, struct buf *error)
{
    struct mysql *m = arena_alloc(&t->query.arena, sizeof *m);
    const struct {
        const char **to;
        const char *name, *standard;
    } texts[] = {
        { &m->user, "user", "" },
        { &m->password, "password", "" },
        { &m->dbname, "dbname", "" },
        { &m->charset, "charset", "utf8mb4" },
        { &m->option_file, "option_file", "" },
        { &m->option_group, "option_group", "client" },
        { &m->tls_key, "tls_key_file", "" },
        { &m->tls_cert, "tls_cert_file", "" },
        { &m->tls_ca_file, "tls_CAfile", "" },
        { &m->tls_ca_path, "tls_CApath", "" },
        { &m->tls_ciphers, "tls_ciphers", "" },
    };

    (void)error;
    m->query = &t->query;
    for (size_t i = 0; i < ARRAY_LEN(texts); i++)
        *texts[i].to =
            query_keep_cstr(&t->query, s->text(s->context, texts[i].name, texts[i].standard));
    m->tls_verify = s->is_set(s->context, "tls_verify_cert")
                        ? s->boolean(s->context, "tls_verify_cert", false)
                        : -1;
    m->require_result_set = s->boolean(s->context, "require_result_set", true);
    return m;
}

static void *mysql_table_open(const struct plugin_settings *s, struct buf *error)
{
    static const struct sql_driver driver = { .requires_dbname = true,
                                              .open = mysql_open,
                                              .connect = mysql_connect_host,
                                              .disconnect = mysql_disconnect,
                                              .quote = quote,
                                              .ask = mysql_ask };

    return sql_open(&driver, s, error);
}

const struct table_plugin relevo_table_plugin = { .version = TABLE_PLUGIN_VERSION,
                                                  .set_log = plugin_set_log,
                                                  .open = mysql_table_open,
                                                  .lookup = sql_lookup,
                                                  .close = sql_close };
