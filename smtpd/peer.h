#pragma once
#include "smtpd/facts.h"

/* Addresses and ports of the connection, names unknown; strings live in the session's arena. */
void peer_identify(struct session *s);
/* This host itself, in place of somebody who is not of the network, or whom nobody knows. */
void peer_stand_in(struct session *s);
/* Look up the names of `peer->addr`: at the start, and when XCLIENT changed the address. */
void peer_lookup_names(struct session *s);
/* Compose `shown`, at first and after a change. */
void peer_update_shown(struct session *s);
/* "IPv6:2001:db8::1" or "192.0.2.1", as in Received headers. */
void peer_format_tagged(const struct peer *p, struct buf *out);
