#pragma once
/* qmgr/refill - messages with more recipients than fit into memory. */
#include "qmgr/state.h"

/* More recipients from the file, where there are some (m->resume_at); `t` delivered some of the last
 * ones (may be NULL).  False: it is not time yet. */
bool qmgr_refill(struct qmgr *q, struct message *m, const struct schedule_transport *t);
