#include "table/plugins/query.h"

void query_check_format(const struct query *q, struct str format, const char *what)
{
    if (!key_format_is_good(format))
        log_fatal("db_common_parse: " STR_FMT ": Invalid %s template: " STR_FMT, STR_ARG(q->name),
                  what, STR_ARG(format));
}

struct str query_keep(struct query *q, struct str text) { return arena_str(&q->arena, text); }

const char *query_keep_cstr(struct query *q, struct str text)
{
    return text.len ? arena_cstr(&q->arena, text) : NULL;
}

void query_init(struct query *q, const struct plugin_settings *s, struct str template,
                struct str result_format)
{
    *q = (struct query){ .arena = ARENA_INIT };
    q->type = query_keep(q, s->type);
    q->name = query_keep(q, s->name);
    q->template = query_keep(q, template);
    q->result_format = query_keep(q, result_format);
    q->expansion_limit = s->number(s->context, "expansion_limit", 0, 0);
    query_check_format(q, q->template, "query");
    query_check_format(q, q->result_format, "result");
}

/* As it was written before there was `query`. */
static void build_query(const struct plugin_settings *s, bool functions, struct buf *out)
{
    struct str function = functions ? s->text(s->context, "select_function", "") : STR_NONE;

    if (function.len) {
        buf_join(out, STR("SELECT "), function, STR("('%s')"));
        return;
    }
    struct str field = s->required(s->context, "select_field");
    struct str table = s->required(s->context, "table");
    struct str where = s->required(s->context, "where_field");
    buf_join(out, STR("SELECT "), field, STR(" FROM "), table, STR(" WHERE "), where, STR("='%s' "),
             s->text(s->context, "additional_conditions", ""));
}

void query_init_sql(struct query *q, const struct plugin_settings *s, bool functions)
{
    struct str format = s->text(s->context, "result_format", "%s");
    struct str query = s->text(s->context, "query", "");
    BUF_AUTO(built, 0);

    if (query.len == 0) {
        build_query(s, functions, &built);
        query = buf_str(&built);
    }
    query_init(q, s, query, format);
}

void query_fini(struct query *q) { arena_free(&q->arena); }

bool query_add_value(struct query_values *v, struct str value)
{
    const struct query *q = v->query;
    BUF_AUTO(formatted, 0);

    if (value.len == 0) {
        log_warning("table \"" STR_FMT ":" STR_FMT "\": empty lookup result for: \"" STR_FMT
                    "\" -- ignored",
                    STR_ARG(q->type), STR_ARG(q->name), STR_ARG(v->key));
        return true;
    }
    if (key_format_expand_result(q->result_format, value, v->key, &formatted) != KEY_FORMAT_OK)
        return true;
    if (q->expansion_limit && v->count == (size_t)q->expansion_limit) {
        v->too_many = true;
        return false;
    }
    buf_join(v->out, v->count++ ? STR(",") : STR(""), buf_str(&formatted));
    return true;
}

enum plugin_result query_values_result(const struct query_values *v)
{
    if (v->too_many)
        return PLUGIN_ERROR;
    return v->count ? PLUGIN_FOUND : PLUGIN_NOT_FOUND;
}
