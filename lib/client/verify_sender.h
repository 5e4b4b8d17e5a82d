#pragma once
/* client/verify_sender - who probes come from: address_verify_sender, with address_verify_sender_ttl a name that changes with
 * time, so that strangers who collect addresses gain nothing by it.  Its users fill verify_conf. */
#include "base/buf.h"

#include <time.h>

/* The whole address, internal form; nothing for the null sender. */
void verify_sender_format(time_t now, struct buf *out);
/* The address without what changes with time. */
void verify_sender_format_plain(struct buf *out);
/* Is it the sender of a probe of now, give or take one period? */
bool verify_sender_is_own(struct str address, time_t now);
