#pragma once
/* What the files of lib/rewrite share. */
#include "base/log.h"
#include "base/map.h"
#include "os/interfaces.h"
#include "rewrite/rewrite.h"
#include "table/list.h"
#include "table/match.h"

struct rewriter {
    struct conf *conf; /* main.cf with the rewrite service's own -o settings; owned */
    struct site_params site;
    struct rewrite_params own;
    struct interface_list interfaces; /* inet_interfaces and proxy_interfaces */
    struct interface_list proxies;
    struct match_list *local_domains, *alias_domains, *mailbox_domains, *relay_domains;
    struct table_list *transport_maps, *relocated_maps, *sender_transport_maps,
        *sender_relayhost_maps;
    unsigned transport_keys; /* enum address_key for transport_maps */
    struct map looked_at;    /* domains that need not be looked for in a second class again */
};

/* Three-valued tests of a domain's class; MATCH_ERROR: a table failed. */
enum match_result rewrite_match_local(struct rewriter *r, struct str domain);

/* Put `address` into standard form with `origin` for what has no domain and `domain` for what has no dot. */
struct str rewrite_normalise(struct rewriter *r, struct str address, struct str origin,
                             struct str domain, struct arena *a);

/* Does what a map says go into a record of the queue and into a request?  If not, that is logged, and the lookup
 * has failed. */
NODISCARD bool rewrite_result_fits(const struct table_list *maps, struct str value);
/* transport_maps for the resolved address; changes transport and nexthop of `res` or sets RESOLVE_FAIL. */
void rewrite_apply_transport_maps(struct rewriter *r, struct resolution *res, struct str domain,
                                  struct arena *a);
/* "transport:nexthop" into its parts; without a colon all is the transport. */
void rewrite_split_transport(struct str value, struct str *transport, struct str *nexthop);
