#pragma once
/* qmgr/defer - recipients that cannot be tried now: dead destinations and transports.  The retry transport logs
 * and records them, as a delivery agent does with a failure of its own; without it the queue manager does so itself. */
#include "qmgr/state.h"

/* The delivery line of a recipient that no agent sees. */
void qmgr_log_recipient(const struct message *m, struct str address, struct str orig,
                        struct str dsn, const char *status, struct str reason);
/* Recipients that cannot be tried now; takes the chain over. */
void qmgr_defer(struct qmgr *q, struct message *m, struct recipient *first, int count,
                struct str dsn, struct str reason);
/* The same for recipients that waited for `queue`: those of the retry transport keep their reason. */
void qmgr_defer_from(struct qmgr *q, const struct schedule_queue *queue, struct message *m,
                     struct recipient *first, int count, struct str dsn, struct str reason);
/* Free those of a chain that are marked as done in the file; how many are left. */
int qmgr_drop_done(struct qmgr *q, struct message *m, struct recipient **first);
void qmgr_defer_queue(struct qmgr *q, struct schedule_queue *queue);
void qmgr_defer_transport(struct qmgr *q, struct schedule_transport *t);
