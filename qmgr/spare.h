#pragma once
/* qmgr/spare - files of messages that are done serve the next ones, as long as those come soon. */
#include "qmgr/state.h"

void qmgr_open_spares(struct qmgr *q);
/* Keep the file of a message that is done; false: it is where it was. */
bool qmgr_keep_spare(struct qmgr *q, const struct queue_id *id);
