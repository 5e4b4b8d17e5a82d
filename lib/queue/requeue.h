#pragma once
/* queue/requeue - recipients of a message that goes through the queue once more.
 *
 * The new queue file gets those that are not marked done.  One that failed is done as soon as that
 * stands in the bounce log; but the report is made from the log under the old name, by a queue
 * manager that may not live to do it. */
#include "queue/dir.h"

/* Recipients in the message's bounce log are to be tried again, D -> R, and the log is removed:
 * each will be reported by the new message if it fails again.  Interrupted at any point, a
 * recipient is at worst reported twice.  False, errno set: the log is there but could not be used;
 * it is as before. */
NODISCARD bool queue_requeue_bounced(const struct queue_layout *layout, const char *queue,
                                     const struct queue_id *id);
