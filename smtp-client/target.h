#pragma once
/* smtp-client/target - from a nexthop to the addresses that will be tried, in order.
 *
 * nexthop: one or more of  domain  domain:port  [host]  [host]:port  unix:path  inet:host:port, separated by commas
 * or blanks (each is tried when the one before could not take the mail). */
#include "base/arena.h"
#include "dns/dns.h"
#include "os/interfaces.h"

struct target_server {
    struct str name;      /* for log lines and HELO checks */
    struct net_addr addr; /* port included; unused for UNIX sockets */
    struct str path;      /* UNIX socket; absent otherwise */
    struct str address;   /* text of the address or path */
    int port;
    int preference;
};

struct target_list {
    struct target_server *servers;
    size_t count;
    size_t dropped_self; /* we were among the exchangers */
};

/* What resolving a destination came to. */
enum target_status { TARGET_OK, TARGET_DEFER, TARGET_BOUNCE };

struct target_context {
    struct dns *dns;
    struct interface_list own, proxy; /* addresses that are ourselves */
    bool lmtp;
    int default_port;
};

/* Cut the next destination off `nexthop`; false at the end. */
bool target_next(struct str *nexthop, struct str *destination);
/* The servers of one destination.  On failure `dsn` and `why` say why (texts of the delivery status). */
enum target_status target_resolve(const struct target_context *ctx, struct str destination, bool mx_allowed,
                                  struct arena *a, struct target_list *out, const char **dsn, struct str *why);
