#pragma once
/* nexthop/dial - from a server's address to an open connection. */
#include "nexthop/fault.h"
#include "nexthop/target.h"
#include "os/stream.h"

/* A host that listens on one address of a family alone also sends from it, unless smtp_bind_address says otherwise.
 * Before the first connection; the text lives in `a`. */
void dial_use_own_address(struct str inet_interfaces, const struct interface_list *own,
                          struct arena *a);
/* Connect within smtp_connect_timeout.  False: `fault`, whose text lives in `a`. */
NODISCARD bool dial(const struct target_server *server, struct stream *s, struct arena *a,
                    struct fault *fault);
