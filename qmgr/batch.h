#pragma once
/* qmgr/batch - from recipients in a queue file to recipients in the schedule. */
#include "qmgr/state.h"

struct batch {
    struct arena *arena; /* of the texts; the caller's */
    size_t limit;        /* so many are taken */
    struct routed *items;
    size_t count, room;
};

/* How many recipients of one message may be read now, for a transport (NULL: not known). */
int qmgr_recipient_limit(const struct qmgr *q, const struct schedule_transport *t);
/* For envelope_read(), with the batch as context. */
bool qmgr_batch_take(void *context, const struct envelope_rcpt *rcpt);
/* Route, group and schedule them; those that need no delivery are marked in the file. */
void qmgr_batch_schedule(struct batch *b, struct qmgr *q, struct message *m,
                         const struct envelope *e, struct queue_file *f);
void qmgr_batch_free(struct batch *b);
