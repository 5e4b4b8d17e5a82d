#include "rewrite/map.h"

#include "rewrite/internal.h"
#include "text/address.h"

#define RESULT_MAX (64 * 1024)

static enum table_result domain_is_local(void *context, struct str domain)
{
    switch (rewrite_match_local(context, domain)) {
    case MATCH_YES:
        return TABLE_FOUND;
    case MATCH_NO:
        return TABLE_NOT_FOUND;
    case MATCH_ERROR:
        break;
    }
    return TABLE_ERROR;
}

static struct str result_address(struct rewriter *r, struct str value, struct str extension, struct str old,
                                 struct arena *a)
{
    struct address_list list;
    BUF_AUTO(text, RESULT_MAX);

    value = str_trim(value);
    if (str_starts(value, STR("@"))) {
        buf_join(&text, address_split(old).local, value);
        return rewrite_address(r, REWRITE_LOCAL, buf_str(&text), a);
    }
    address_list_parse(a, value, 10, &list);
    if (list.count == 0 || list.items[0].kind != ADDRESS_MAILBOX)
        return old;
    struct address_parts parts = address_split(list.items[0].address);
    buf_join(&text, parts.local, extension);
    if (parts.domain.ptr)
        buf_join(&text, STR("@"), parts.domain);
    return rewrite_address(r, REWRITE_LOCAL, buf_str(&text), a);
}

bool rewrite_map_address(struct rewriter *r, struct table_list *tables, bool extend, int steps, struct str *address,
                         struct arena *a)
{
    struct address_walk walk = { .keys = ADDRESS_KEYS_REWRITE,
                                 .delimiters = r->site.recipient_delimiter,
                                 .domain_is_local = domain_is_local,
                                 .context = r };
    BUF_AUTO(value, RESULT_MAX);
    BUF_AUTO(extension, RESULT_MAX);

    for (int step = 0; step < steps; step++) {
        enum table_result found = table_list_lookup_address(tables, *address, &walk, &value, &extension);
        if (found != TABLE_FOUND)
            return found == TABLE_NOT_FOUND;
        struct str next =
            result_address(r, buf_str(&value), extend ? buf_str(&extension) : STR_NONE, *address, a);
        if (str_equal_nocase(next, *address))
            break;
        *address = next;
    }
    return true;
}
