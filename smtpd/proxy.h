#pragma once
/* smtpd/proxy - a balancer in front of us says who the client is (smtpd_upstream_proxy_protocol). */
#include "smtpd/facts.h"

/* At start: does the parameter name a protocol that exists?  Fatal if not. */
void proxy_check_parameter(void);
/* Read the balancer's header, if there is to be one, and take the addresses in it for the client's and ours.
 * `early` is what the client had sent right behind it; it lives in the session's arena.  False, logged: no
 * proper header came in time, and nobody can tell who is speaking. */
NODISCARD bool proxy_identify(struct session *s, struct str *early);
