#pragma once
/* delivery/delivered_to - who has had the message before, by its Delivered-To headers. */
#include "delivery/delivery.h"

/* Is one of them this address (without case)?  The header is read once in a request.  Yes also for a message with ten
 * thousand of them. */
bool delivered_to_has(struct delivery *d, struct str address);
