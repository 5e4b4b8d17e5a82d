#include "qmgr/spare.h"

#include "queue/spare.h"

/* So long a delivered message may lie in a spare file of a system that has nothing to do. */
#define QUIET_MS 10000

static void look_whether_quiet(void *context)
{
    struct qmgr *q = context;

    q->quiet = NULL;
    if (q->kept_spare)
        q->quiet = loop_timer_start(q->loop, QUIET_MS, look_whether_quiet, q);
    else
        queue_spares_clear(q->spares);
    q->kept_spare = false;
}

void qmgr_open_spares(struct qmgr *q)
{
    if (!queue_spares_are_safe())
        return;
    q->spares = service_spares(q->svc);
    if (q->spares)
        queue_spares_clear(q->spares); /* of a master that is gone */
}

bool qmgr_keep_spare(struct qmgr *q, const struct queue_id *id)
{
    BUF_AUTO(path, 0);

    if (q->spares == NULL || q->leaving)
        return false;
    queue_path(&q->layout, QUEUE_ACTIVE, id, &path);
    if (!queue_spare_put(q->spares, buf_cstr(&path)))
        return false;
    q->kept_spare = true;
    if (q->quiet == NULL)
        q->quiet = loop_timer_start(q->loop, QUIET_MS, look_whether_quiet, q);
    return true;
}
