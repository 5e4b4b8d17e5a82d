#pragma once
/* qmgr/corrupt - queue files that cannot be delivered. */
#include "qmgr/state.h"

/* Move a damaged file aside. */
void qmgr_save_corrupt(const struct qmgr *q, const char *queue, const struct queue_id *id,
                       const char *why);
