#pragma once
/* Where the traffic tools connect to or listen: `[inet:]host:port`, `[inet:]host`, `unix:path`. */
#include "base/buf.h"
#include "os/socket.h"

#define ENDPOINT_ADDRESSES 16 /* of one name; more are not looked at */

struct endpoint {
    struct net_addr addrs[ENDPOINT_ADDRESSES]; /* in the order in which to try them */
    size_t count;
    int window; /* -T: TCP window size, 0 for the system's own */
};

/* Fatal when the text names nothing.  `family`: AF_INET, AF_INET6, or AF_UNSPEC for both.  `port`: for a text without
 * one; NULL: it must have one. */
void endpoint_resolve(const char *text, int family, const char *port, struct endpoint *out);
/* As endpoint_resolve(); a text without host (":port", "port") means all addresses of this host. */
void endpoint_resolve_passive(const char *text, int family, struct endpoint *out);

/* One socket for each address, in `fds`, not blocking: how many.  Fatal when one cannot be had. */
size_t endpoint_listen(const struct endpoint *e, int backlog, int fds[ENDPOINT_ADDRESSES]);
/* A socket on its way to the address of that number, not blocking.  -1: errno. */
NODISCARD int endpoint_connect(const struct endpoint *e, size_t number);
