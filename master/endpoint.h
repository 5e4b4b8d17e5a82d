#pragma once
/* master/endpoint - where a service listens: from the first fields of its line to addresses and paths. */
#include "master/master.h"
#include "os/socket.h"

/* Fills label, where and local_only.  False with a reason when a name means nothing. */
NODISCARD bool endpoint_resolve(struct service_line *line, struct buf *error);
/* "[2001:db8::1]:25" to an address, for socket_inet_listen(). */
NODISCARD bool endpoint_parse(const char *where, struct net_addr *out);
