#pragma once
/* client/sts - ask stsmgr(8) for the MTA-STS policy of a domain. */
#include "base/buf.h"

/* The policy as an entry of smtp_tls_policy_maps, or nothing.  Answers are kept for a minute, so that the servers of a domain
 * ask once. */
void sts_ask(struct str domain, struct buf *entry);
