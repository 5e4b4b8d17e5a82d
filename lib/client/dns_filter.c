#include "client/dns_filter.h"

#include "base/log.h"
#include "table/list.h"

static enum dns_status judge(void *context, struct str record)
{
    struct table_list *tables = context;
    BUF_AUTO(action, 1024);

    if (table_list_lookup(tables, record, &action) != TABLE_FOUND)
        return DNS_OK;
    if (str_equal_nocase(str_trim(buf_str(&action)), STR("IGNORE")))
        return DNS_FILTERED;
    log_warning("%s: unknown DNS filter action: \"" STR_FMT "\"", table_list_parameter(tables),
                STR_ARG(buf_str(&action)));
    return DNS_FILTER_BAD;
}

void dns_filter_open(struct dns *d, struct str tables, const char *parameter)
{
    struct table_list *filter = table_list_open(tables, parameter, TABLE_DEFAULT);

    if (table_list_is_empty(filter))
        table_list_close(filter);
    else
        dns_set_filter(d, judge, filter);
}
