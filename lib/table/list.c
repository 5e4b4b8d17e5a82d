#include "table/list.h"

#include "base/log.h"
#include "base/mem.h"
#include "conf/params.h"
#include "table/driver.h"
#include "table/parents.h"
#include "table/witness.h"
#include "text/netaddr.h"

#include <stdlib.h>

struct table_list {
    char *parameter;
    bool may_be_empty; /* a result */
    const struct table *last;
    size_t count;
    struct table *tables[];
};

struct table_list *table_list_open(struct str text, const char *parameter, unsigned flags)
{
    struct table_list *l = mem_alloc(sizeof *l);
    struct str element;
    bool braced;

    l->parameter = mem_copy_cstr(parameter);
    l->may_be_empty = flags & TABLE_MAY_BE_EMPTY;
    while (str_token_braced(&text, ", \t\r\n", &element, &braced)) {
        l = mem_resize(l, sizeof *l + (l->count + 1) * sizeof(struct table *));
        l->tables[l->count++] = table_open(element, flags & ~(unsigned)TABLE_MAY_BE_EMPTY, NULL);
    }
    return l;
}

void table_list_close(struct table_list *l)
{
    if (l == NULL)
        return;
    for (size_t i = 0; i < l->count; i++)
        table_close(l->tables[i]);
    free(l->parameter);
    free(l);
}

bool table_list_is_empty(const struct table_list *l) { return l == NULL || l->count == 0; }
const char *table_list_parameter(const struct table_list *l) { return l->parameter; }
struct str table_list_last(const struct table_list *l)
{
    return l->last ? table_name(l->last) : STR_NONE;
}
uid_t table_list_last_owner(const struct table_list *l)
{
    return l->last ? table_owner(l->last) : 0;
}

/* An empty result would delete an address or open a door; nobody means that. */
static enum table_result refuse_empty(const struct table *t, struct str key)
{
    struct str name = table_name(t);

    log_warning(STR_FMT " lookup of " STR_FMT " returns an empty string result", STR_ARG(name),
                STR_ARG(key));
    log_warning(STR_FMT " should return NO RESULT in case of NOT FOUND", STR_ARG(name));
    return TABLE_ERROR;
}

static enum table_result lookup_in(const struct table_list *l, struct table *t, struct str key,
                                   struct buf *value)
{
    BUF_AUTO(found, 0);
    enum table_result result = table_lookup(t, key, &found);

    if (result != TABLE_NOT_FOUND)
        table_testify(&(struct table_testimony){ .parameter = l->parameter,
                                                 .table = table_name(t),
                                                 .key = key,
                                                 .value = buf_str(&found),
                                                 .result = result });
    if (result == TABLE_ERROR)
        log_warning(STR_FMT " lookup error for \"" STR_FMT "\"", STR_ARG(table_name(t)),
                    STR_ARG(key));
    if (result != TABLE_FOUND)
        return result;
    if (found.len == 0 && !l->may_be_empty)
        return refuse_empty(t, key);
    if (value) {
        buf_clear(value);
        buf_add(value, buf_str(&found));
    }
    return TABLE_FOUND;
}

static enum table_result lookup(struct table_list *l, struct str key, bool partial,
                                struct buf *value)
{
    if (l == NULL || key.len == 0)
        return TABLE_NOT_FOUND;
    for (size_t i = 0; i < l->count; i++) {
        struct table *t = l->tables[i];

        if (partial && table_is_open(t) && !table_takes_partial_keys(t))
            continue;
        enum table_result result = lookup_in(l, t, key, value);
        if (result != TABLE_NOT_FOUND) {
            l->last = t;
            return result;
        }
    }
    return TABLE_NOT_FOUND;
}

enum table_result table_list_lookup(struct table_list *l, struct str key, struct buf *value)
{
    return lookup(l, key, false, value);
}

enum table_result table_list_lookup_partial(struct table_list *l, struct str key, struct buf *value)
{
    return lookup(l, key, true, value);
}

enum table_result table_list_lookup_domain(struct table_list *l, struct str domain,
                                           bool plain_parents, struct buf *value)
{
    struct parents parents = parents_of(domain, !plain_parents);
    enum table_result result = lookup(l, domain, false, value);

    while (result == TABLE_NOT_FOUND && parents_next(&parents, &domain))
        result = lookup(l, domain, true, value);
    return result;
}

enum table_result table_list_lookup_ip(struct table_list *l, struct str address, struct buf *value)
{
    char separator = str_has(address, ':') ? ':' : '.';
    enum table_result result = lookup(l, address, false, value);

    while (result == TABLE_NOT_FOUND && address.len < NETADDR_TEXT_MAX) {
        size_t end = str_rfind(address, separator);
        if (end == STR_NOT_FOUND)
            break;
        address = str_sub(address, 0, end);
        while (address.len && address.ptr[address.len - 1] == separator)
            address.len--; /* `::` leaves no empty prefix behind */
        result = lookup(l, address, true, value);
    }
    return result;
}
