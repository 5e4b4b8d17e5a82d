#pragma once
/* table/plugins/query - what tables with settings have in common: the template of a question, and what becomes of the
 * values that come back.  Pure but for the log. */
#include "base/arena.h"
#include "table/key_format.h"
#include "table/plugin.h"

struct query {
    struct arena arena;
    struct str type, name;
    struct str template, result_format;
    int expansion_limit; /* 0: none */
};

/* Reads result_format and expansion_limit; `template` is a format, and kept.  A bad one ends the process. */
void query_init(struct query *q, const struct plugin_settings *s, struct str template,
                struct str result_format);
/* The `query` of the settings, or what older settings say instead: table, select_field, where_field,
 * additional_conditions, and with `functions` select_function. */
void query_init_sql(struct query *q, const struct plugin_settings *s, bool functions);
void query_fini(struct query *q);
/* A copy that lives as long as the query. */
struct str query_keep(struct query *q, struct str text);
const char *query_keep_cstr(struct query *q, struct str text); /* NULL for an empty text */
/* For the query and for what is made like it (search_base). */
void query_check_format(const struct query *q, struct str format, const char *what);

/* The values of one lookup, joined by commas. */
struct query_values {
    const struct query *query;
    struct str key;
    struct buf *out; /* the caller's, empty at first */
    size_t count;
    bool too_many;
};
/* False: there are more than expansion_limit. */
NODISCARD bool query_add_value(struct query_values *v, struct str value);
enum plugin_result query_values_result(const struct query_values *v);
