#pragma once
/* smtp/haproxy - the header that a load balancer sends ahead of the client's bytes (PROXY protocol, versions 1
 * and 2). */
#include "base/str.h"
#include "text/netaddr.h"

#include <stdint.h>

struct haproxy {
    bool proxied;                  /* false: the balancer speaks for itself (health check) */
    struct netaddr client, server; /* IPv4 in IPv6 is IPv4 */
    uint16_t client_port, server_port;
};

/* inet_protocols. */
struct haproxy_families {
    bool ipv4, ipv6;
};

enum haproxy_result {
    HAPROXY_MORE, /* incomplete; `*why`: what is missing, should no more come */
    HAPROXY_OK,   /* `consumed` bytes were the header; what follows is the client's */
    HAPROXY_BAD, /* `*why`, in words for a log line: no such header, or one for other kinds of sockets, or an endless one */
};

#define HAPROXY_MAX 4096 /* no header that we accept is longer */

NODISCARD enum haproxy_result haproxy_parse(struct str in, const struct haproxy_families *families,
                                            size_t *consumed, struct haproxy *out,
                                            const char **why);
/* `WHY: DATA`, as log lines have it. */
void haproxy_format_fault(const char *why, struct str in, struct buf *out);
