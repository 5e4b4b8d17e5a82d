#pragma once
/* table/plugins/sql - tables of SQL servers: hosts that may be away, a query with quoted parts, rows that become one value.
 * What a library does is behind struct sql_driver. */
#include "table/plugins/hosts.h"
#include "table/plugins/query.h"

struct sql_table;

enum sql_outcome {
    SQL_DONE,
    SQL_FAILED, /* logged: another host may know better */
};

/* What a library does.  `context` is what `open` has returned. */
struct sql_driver {
    bool select_function; /* a setting of old */
    bool requires_dbname;
    /* Settings of its own; NULL: `error` says why. */
    void *(*open)(struct sql_table *t, const struct plugin_settings *s, struct buf *error);
    /* NULL: logged. */
    void *(*connect)(void *context, const struct host *h);
    void (*disconnect)(void *connection);
    key_quote_fn *quote; /* its context is the connection; false: logged */
    /* Ask, and hand each value to query_add_value() until that has had enough. */
    enum sql_outcome (*ask)(void *context, const struct host *h, const char *query,
                            struct query_values *values);
};

struct sql_table {
    const struct sql_driver *driver;
    void *context;
    struct query query;
    struct hosts hosts;
    struct buf text;
};

void *sql_open(const struct sql_driver *driver, const struct plugin_settings *s, struct buf *error);
enum plugin_result sql_lookup(void *table, struct str key, struct buf *out);
void sql_close(void *table);
