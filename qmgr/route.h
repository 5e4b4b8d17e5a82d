#pragma once
/* qmgr/route - where one recipient goes: the resolver's answer and what the queue manager itself has to say
 * about it. */
#include "qmgr/state.h"

struct routing {
    struct str transport, nexthop, key, address;
    bool discard; /* mail to the double-bounce address */
};

/* Texts live in `a`. */
struct routing qmgr_route(struct qmgr *q, const struct envelope *e, struct str address,
                          struct arena *a);
