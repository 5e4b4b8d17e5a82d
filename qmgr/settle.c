#include "qmgr/settle.h"

#include "qmgr/deliver.h"
#include "qmgr/details.h"
#include "qmgr/finish.h"
#include "qmgr/refill.h"
#include "qmgr/scan.h"

static bool may_refill(const struct qmgr *q, const struct message *m)
{
    return m->resume_at && m->recording == 0 && !q->leaving;
}

static void look_at(struct qmgr *q, const struct message_mark *mark)
{
    struct message *m = mark->m;

    /* What is read may all be done with at once. */
    while (may_refill(q, m) && qmgr_refill(q, m, mark->by) && schedule_message_is_done(&m->core))
        continue;
    qmgr_finish(q, m);
}

void qmgr_settle(void *context)
{
    struct qmgr *q = context;
    struct message_mark mark;

    /* A delivery that cannot even start marks its message. */
    do {
        while (message_take_marked(&q->messages, &mark))
            look_at(q, &mark);
        qmgr_dispatch(q);
    } while (q->messages.marked);
    qmgr_drop_fresh(q);
    qmgr_scan_go_on(q);
}
