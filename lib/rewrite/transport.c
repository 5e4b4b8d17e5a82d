/* transport_maps: where the administrator sends an address instead. */
#include "rewrite/internal.h"

void rewrite_split_transport(struct str value, struct str *transport, struct str *nexthop)
{
    *transport = str_cut(&value, ':');
    *nexthop = value;
}

/* The wildcard is tried last, and only in tables that take parts of an address. */
static enum table_result find(struct rewriter *r, struct str address, struct buf *value)
{
    struct address_walk walk = { .keys = r->transport_keys,
                                 .delimiters = r->site.recipient_delimiter };
    enum table_result found =
        table_list_lookup_address(r->transport_maps, address, &walk, value, NULL);

    return found == TABLE_NOT_FOUND ? table_list_lookup_partial(r->transport_maps, STR("*"), value)
                                    : found;
}

/* For a transport that only says why not, the nexthop is the reason. */
static struct str default_nexthop(const struct rewriter *r, struct str transport, struct str domain)
{
    bool refuses =
        str_equal(transport, r->site.error_service_name) || str_equal(transport, STR("retry"));

    return refuses ? STR("Address is undeliverable") : domain;
}

void rewrite_apply_transport_maps(struct rewriter *r, struct resolution *res, struct str domain,
                                  struct arena *a)
{
    BUF_AUTO(value, 0);
    struct str transport, nexthop;

    if (table_list_is_empty(r->transport_maps))
        return;
    switch (find(r, res->recipient, &value)) {
    case TABLE_NOT_FOUND:
        return;
    case TABLE_ERROR:
        res->flags |= RESOLVE_FAIL;
        return;
    case TABLE_FOUND:
        if (rewrite_result_fits(r->transport_maps, buf_str(&value)))
            break;
        res->flags |= RESOLVE_FAIL;
        return;
    }
    rewrite_split_transport(arena_str(a, buf_str(&value)), &transport, &nexthop);
    if (transport.len) {
        res->transport = transport;
        res->nexthop = nexthop.len ? nexthop : default_nexthop(r, transport, domain);
    } else if (nexthop.len) {
        res->nexthop = nexthop;
    }
}
