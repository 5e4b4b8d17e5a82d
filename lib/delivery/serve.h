#pragma once
/* delivery/serve - the part that tests and fuzzers reach without a connection. */
#include "delivery/delivery.h"

/* Decode a request frame into `d`; the strings point into `body`.  False: the peer breaks the
 * protocol. */
NODISCARD bool delivery_decode(struct delivery *d, struct str body);
