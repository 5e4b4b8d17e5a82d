#pragma once
#include "smtpd/session.h"

/* Address, verified name and port of the client at `fd`; strings live in the session's arena. */
void peer_identify(struct session *s);
/* Look the names of `peer->addr` up again: XCLIENT changed the address. */
void peer_lookup_names(struct session *s);
/* Recompute `shown` after a change. */
void peer_update_shown(struct session *s);
/* "IPv6:2001:db8::1" or "192.0.2.1", as in Received headers. */
void peer_format_tagged(const struct peer *p, struct buf *out);
