#pragma once
/* qmgr/finish - after the last recipient: reports, then the message is removed, deferred or returned. */
#include "qmgr/state.h"

/* If nothing is left to deliver: report, defer or remove.  The message may be gone afterwards. */
void qmgr_finish(struct qmgr *q, struct message *m);
