#pragma once
/* qmgr/deliver - delivery agents: connections to private/<transport>, requests, replies. */
#include "qmgr/state.h"

void qmgr_dispatch(struct qmgr *q); /* start what may be delivered */
bool qmgr_has_deliveries(const struct qmgr *q);
