#pragma once
/* pickup/straight - a message from its user to the queue by way of pickup(8), which the kernel tells who he is.
 *
 * The records that postdrop(1) would read go as one packet to submit/NAME.  pickup answers when cleanup(8) has made
 * the message durable, or hangs up. */
#include "base/str.h"

#define STRAIGHT_MAX    (64UL * 1024) /* what the kernel buffers for everybody */
#define STRAIGHT_QUEUED "Q"

/* True: the message is in the queue.  False: it is not, as far as one can know; postdrop takes it, or says
 * what is wrong with it. */
bool straight_submit(const char *socket_path, struct str records);
