#include "delivery/status_filter.h"

#include "base/log.h"
#include "table/list.h"
#include "text/dsn.h"

#define VALUE_MAX 4096

struct status_filter status_filter_open(struct str tables, const char *parameter)
{
    return (struct status_filter){ table_list_open(tables, parameter, TABLE_DEFAULT), parameter };
}

void status_filter_close(struct status_filter *f)
{
    table_list_close(f->tables);
    f->tables = NULL;
}

bool status_filter_replace(struct outcome *o, struct arena *a, struct str result)
{
    size_t code = dsn_status_length(result);
    bool was_success = o->status == OUTCOME_SENT;

    if (code == 0 || code >= sizeof o->dsn || (result.ptr[0] == '2') != was_success)
        return false;
    memcpy(o->dsn, result.ptr, code);
    o->dsn[code] = '\0';
    o->text = arena_str(a, str_trim(str_skip(result, code)));
    if (!was_success)
        o->status = o->dsn[0] == '4' ? OUTCOME_DEFERRED : OUTCOME_BOUNCED;
    return true;
}

void status_filter_apply(const struct status_filter *f, struct outcome *o, struct arena *a)
{
    if (table_list_is_empty(f->tables))
        return;
    BUF_AUTO(key, VALUE_MAX);
    BUF_AUTO(value, VALUE_MAX);
    buf_join(&key, str_from(o->dsn), STR(" "), o->text);
    /* A failing table leaves the outcome as it is: the delivery has happened. */
    if (table_list_lookup(f->tables, buf_str(&key), &value) != TABLE_FOUND)
        return;
    if (!status_filter_replace(o, a, buf_str(&value)))
        log_warning("%s: ignoring bad result \"" STR_FMT "\" for \"" STR_FMT "\"", f->parameter,
                    STR_ARG(buf_str(&value)), STR_ARG(buf_str(&key)));
}
