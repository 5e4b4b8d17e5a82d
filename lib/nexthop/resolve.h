#pragma once
/* nexthop/resolve - from a destination to the addresses that will be tried, in order. */
#include "dns/dns.h"
#include "nexthop/fault.h"
#include "nexthop/target.h"
#include "os/clock.h"

enum resolve_status {
    RESOLVE_OK,     /* at least one server */
    RESOLVE_BAD,    /* the text is no destination; see the fault */
    RESOLVE_FAILED, /* see the fault: permanent or not */
    RESOLVE_SELF,   /* we are the best exchanger; the fault has the words for it */
};

/* What the process knows. */
struct resolver {
    struct dns *dns;
    struct interface_list own, proxy; /* addresses that are ourselves */
    bool lmtp;
    int default_port; /* 0: the site's own is not a port */
};

/* Look a destination up within RESOLVE_LIMIT_S. */
#define RESOLVE_LIMIT_S 120
enum resolve_status resolve_destination(const struct resolver *r, struct str text, struct arena *a,
                                        struct target_list *out, struct fault *fault);
