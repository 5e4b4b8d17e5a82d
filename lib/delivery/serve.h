#pragma once
/* delivery/serve - what the parts of this module share. */
#include "delivery/delivery.h"

struct str delivery_verify_service(void);
/* Decode a request frame into `d`; the strings point into `body`.  False: the peer breaks the
 * protocol. */
NODISCARD bool delivery_decode(struct delivery *d, struct str body);
