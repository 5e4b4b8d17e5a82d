#include "rewrite/map.h"

#include "rewrite/internal.h"
#include "text/address.h"

#define RESULT_MAX (64UL * 1024)

static enum table_result domain_is_ours(void *context, struct str domain)
{
    struct rewriter *r = context;

    if (str_equal_nocase(domain, site_conf.myorigin))
        return TABLE_FOUND;
    switch (rewrite_match_local(r, domain)) {
    case MATCH_YES:
        return TABLE_FOUND;
    case MATCH_NO:
        return TABLE_NOT_FOUND;
    case MATCH_ERROR:
        break;
    }
    return TABLE_ERROR;
}

struct address_walk rewrite_address_walk(struct rewriter *r, unsigned keys)
{
    return (struct address_walk){
        .keys = keys,
        .delimiters = site_conf.recipient_delimiter,
        .domain_is_local = domain_is_ours,
        .context = r,
    };
}

/* What was cut off would make another address. */
static bool is_too_long(const struct table_list *tables, struct str address, size_t length)
{
    if (length < RESULT_MAX)
        return false;
    log_warning("%s: the result for \"" STR_FMT "\" in " STR_FMT " is too long",
                table_list_parameter(tables), STR_ARG(address), STR_ARG(table_list_last(tables)));
    return true;
}

static struct str result_address(struct rewriter *r, struct str value, struct str extension,
                                 struct str old, struct arena *a)
{
    struct address_list list;
    BUF_AUTO(text, 0);

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

bool rewrite_map_address(struct rewriter *r, struct table_list *tables, bool extend, int steps,
                         struct str *address, struct arena *a)
{
    struct address_walk walk = rewrite_address_walk(r, ADDRESS_KEYS_REWRITE);
    BUF_AUTO(value, RESULT_MAX);
    BUF_AUTO(extension, 0); /* a part of the address */

    for (int step = 0; step < steps; step++) {
        enum table_result found =
            table_list_lookup_address(tables, *address, &walk, &value, &extension);
        if (found != TABLE_FOUND)
            return found == TABLE_NOT_FOUND;
        if (is_too_long(tables, *address, value.len + extension.len + address->len))
            return false;
        struct str next = result_address(r, buf_str(&value),
                                         extend ? buf_str(&extension) : STR_NONE, *address, a);
        if (str_equal_nocase(next, *address))
            break;
        *address = next;
    }
    return true;
}
