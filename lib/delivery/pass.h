#pragma once
/* delivery/pass - hand a recipient over to another transport (mailbox_transport,
 * fallback_transport), as the queue manager would. */
#include "delivery/delivery.h"

/* `destination` is `transport:nexthop`; without a nexthop that of the request.  The other agent
 * logs and records what becomes of the recipient.  True: nothing is left to do; false: try again
 * (also when nobody answers: then `o` is filled and *failed is set, and the caller reports it). */
bool delivery_pass(struct delivery *d, const struct delivery_recipient *who, struct str sender,
                   struct str destination, struct outcome *o, bool *failed);
