#pragma once
/* qmgr/request - what a delivery agent is told: one message, some of its recipients. */
#include "qmgr/state.h"

/* Append the body of a delivery request. */
void qmgr_put_request(struct buf *body, const struct schedule_entry *e, const struct details *d);
