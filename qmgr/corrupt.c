#include "qmgr/corrupt.h"

#include "base/log.h"

#include <errno.h>

void qmgr_save_corrupt(const struct qmgr *q, const char *queue, const struct queue_id *id,
                       const char *why)
{
    log_warning("%s: corrupt queue file: %s", id->text, why);
    log_warning("saving corrupt file \"%s\" from queue \"%s\" to queue \"%s\"", id->text, queue,
                QUEUE_CORRUPT);
    if (!queue_rename(&q->layout, queue, QUEUE_CORRUPT, id) && errno != ENOENT)
        log_warning("%s: move to %s: %s", id->text, QUEUE_CORRUPT, strerror(errno));
}
