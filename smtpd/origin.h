#pragma once
/* smtpd/origin - who a message came from, as the log and later hops shall know it: our client, or whom XFORWARD named. */
#include "smtpd/facts.h"

/* Has somebody in front of us said who the client is? */
bool origin_is_forwarded(const struct session *s);
/* What is not known is empty, or "unknown" as the log has it.  Strings live as long as the session. */
struct forwarded origin_of(const struct session *s);
/* Mail of this site's own: XFORWARD SOURCE knows better than our own view of the last hop. */
bool origin_is_local(struct session *s);
