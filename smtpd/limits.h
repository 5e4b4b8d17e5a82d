#pragma once
/* smtpd/limits - what one client may do at once and in a time unit; anvil(8) keeps the counts. */
#include "smtpd/facts.h"

/* False: all processes are taken, the client has its share of them and was told so. */
NODISCARD bool limits_leave_room(struct session *s);
/* Report the connection.  A reply with code 421 when the client has too many of them. */
struct smtp_reply limits_on_connect(struct session *s);
struct smtp_reply limits_on_auth(struct session *s);
struct smtp_reply limits_on_mail(struct session *s);
struct smtp_reply limits_on_recipient(struct session *s);
/* A TLS session is wanted: a reply with code 454, and a line about the `request`, when the client has made too many of
 * them.  One that was not resumed, or whose handshake failed, has been made: code 421. */
struct smtp_reply limits_before_tls(struct session *s, const char *request);
struct smtp_reply limits_on_new_tls(struct session *s);
void limits_on_disconnect(struct session *s);

/* Neighbours in one network count as one client: its address with the bits behind the prefix cleared. */
void limits_format_network(const struct net_addr *client, int ipv4_bits, int ipv6_bits,
                           struct buf *out);
