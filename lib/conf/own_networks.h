#pragma once
/* conf/own_networks - the default of mynetworks: the networks that this host's interfaces are in. */
#include "base/buf.h"

struct own_networks_options {
    struct str interfaces; /* inet_interfaces */
    struct str protocols;  /* inet_protocols */
    struct str style;      /* mynetworks_style: host, subnet, class */
};

bool own_networks_is_style(struct str style);
/* Append "127.0.0.0/8 [::1]/128 ...".  False with the reason in `error` for values that mean nothing. */
NODISCARD bool own_networks_format(const struct own_networks_options *o, struct buf *out,
                                   struct buf *error);

/* What one IPv4 or IPv6 address of the host contributes, appended to `out` unless it is there already;
 * `prefix` is the length of the interface's network mask.  Pure; for own_networks_format() and its test. */
struct sockaddr;
void own_network_add(struct buf *out, const struct sockaddr *address, unsigned prefix,
                     struct str style);
