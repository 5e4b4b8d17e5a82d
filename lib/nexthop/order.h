#pragma once
/* nexthop/order - which servers are tried, and in which order.  Pure: chance is an argument. */
#include "nexthop/target.h"

/* Drop ourselves (an address in `own` or `proxy`) and every server that is not preferred to us: it
 * would only send the mail back.  `self` of the list tells that we were there. */
void order_drop_self(struct target_list *l, const struct interface_list *own,
                     const struct interface_list *proxy);

struct order_rules {
    int family;                        /* AF_INET or AF_INET6 leads among equals; AF_UNSPEC: none */
    uint32_t (*random)(void *context); /* mixes equals; NULL keeps their order */
    void *context;
};
void order_servers(struct target_list *l, const struct order_rules *rules);

/* Keep the first `limit` (0: all).  With `balance` both address families stay represented when both
 * were in the list and the limit allows two. */
void order_limit(struct target_list *l, size_t limit, bool balance);
