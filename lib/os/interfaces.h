#pragma once
/* os/interfaces - the network addresses that are ours: inet_interfaces and proxy_interfaces. */
#include "os/socket.h"

struct interface_list {
    struct net_addr *addrs; /* heap; free with interfaces_free() */
    struct net_addr *masks; /* netmask of each, family AF_UNSPEC when unknown */
    size_t count;
};

/* `names` is the value of inet_interfaces: "all", "loopback-only", host names, addresses, [addresses].
 * `protocols` is inet_protocols: "all", "ipv4", "ipv6", "ipv4, ipv6".  Ports are zero.
 * False with a reason when a name is unknown. */
NODISCARD bool interfaces_resolve(struct str names, struct str protocols,
                                  struct interface_list *out, struct buf *why);
/* The interfaces of this host, limited to `protocols`. */
void interfaces_of_host(struct str protocols, struct interface_list *out);
void interfaces_free(struct interface_list *l);
/* Is this literal ("192.0.2.1", "2001:db8::1") one of them? */
bool interfaces_contain(const struct interface_list *l, struct str address);
bool protocols_include(struct str protocols, int family);
