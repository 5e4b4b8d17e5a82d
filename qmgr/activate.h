#pragma once
/* qmgr/activate - from a file in incoming or deferred to an active message. */
#include "qmgr/state.h"

enum activate_from { ACTIVATE_NEW, ACTIVATE_INCOMING, ACTIVATE_DEFERRED };

/* True if an agent of the last qmgr still works on the open file, because a second delivery would
 * run beside the first: logged, and its time is put off. */
bool qmgr_is_under_delivery(const struct queue_id *id, int fd);
/* Move a message to active and schedule it.  False: it stays where it is for now. */
bool qmgr_activate(struct qmgr *q, const struct queue_id *id, enum activate_from from, bool all);
