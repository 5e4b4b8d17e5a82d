#pragma once
/* qmgr/route - where one recipient goes: the resolver's answer and what the queue manager itself has to say
 * about it. */
#include "qmgr/state.h"

struct routing {
    struct str transport, nexthop, key, address;
    bool discard; /* mail to the double-bounce address */
};

/* Texts live in `a`.  What was `asked_for` goes out by transports that wait to be asked. */
struct routing qmgr_route(struct qmgr *q, const struct envelope *e, struct str address,
                          bool asked_for, struct arena *a);
