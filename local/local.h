#pragma once
/* local - what the daemon's description needs of the rest: every recipient of a request, from address to end. */
#include "local/branch.h"

void local_deliver_request(struct delivery *d, const struct local_tables *tables,
                           struct local_links *links);
