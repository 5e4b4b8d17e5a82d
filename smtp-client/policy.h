#pragma once
/* smtp-client/policy - what a site asks of a session before mail may use it: TLS.
 *
 * This program does not speak it: mail that needs it waits, and the log says why. */
#include "delivery/delivery.h"
#include "smtp-client/session.h"

/* Tables of the process; before the jail. */
void policy_open(struct conf *conf);
/* The level for a destination: "none", "may", "encrypt" ...; absent: a lookup failed. */
struct str policy_tls_level(struct str nexthop, struct arena *a);
/* False: `fault` says what is missing.  Also sets the tls= of the log line. */
NODISCARD bool policy_is_met(const struct client_session *s, struct delivery *d,
                             struct fault *fault);
/* The tls= of deliveries that reach no server. */
struct str policy_unreached_summary(struct str nexthop, struct arena *a);
