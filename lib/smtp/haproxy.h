#pragma once
/* smtp/haproxy - the header that a load balancer sends ahead of the client's bytes (PROXY protocol, versions 1
 * and 2). */
#include "base/str.h"
#include "text/netaddr.h"

#include <stdint.h>

struct haproxy {
    bool
        proxied; /* false: the balancer speaks for itself (health check), or does not know the client */
    struct netaddr client, server;
    uint16_t client_port, server_port;
};

enum haproxy_result {
    HAPROXY_MORE, /* incomplete */
    HAPROXY_OK,   /* `consumed` bytes were the header; what follows is the client's */
    HAPROXY_BAD,  /* no such header, one for other kinds of sockets, or an endless one */
};

#define HAPROXY_MAX 4096 /* no header that we accept is longer */

NODISCARD enum haproxy_result haproxy_parse(struct str in, size_t *consumed, struct haproxy *out);
