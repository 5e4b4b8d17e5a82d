#pragma once
/* queue/requeue - recipients of a message that goes through the queue once more.
 *
 * The new queue file gets those that are not marked done.  One that failed is done as soon as that stands in the
 * bounce log; but the report is made from the log under the old name, by a queue manager that may not live to do it, or
 * that finds the message gone.  So who stands in the log is tried again: the new message reports him if he fails again.
 *
 * Agents that have the file open go on: they write into the log first, and mark the recipient then.  So whoever is found
 * done and failed stands in the log by then, and the log stays until the new message is safe. */
#include "base/map.h"
#include "queue/dir.h"

/* postsuper(1), so that it does not depend on who copies the message: recipients in the message's bounce log become D -> R.
 * Interrupted at any point, a recipient is at worst reported twice.  False, errno set: the log is there but could not
 * be used. */
NODISCARD bool queue_requeue_bounced(const struct queue_layout *layout, const char *queue,
                                     const struct queue_id *id);

/* Who copies the message: the bounce log of `id`, read when it is needed and again when it has grown. */
struct requeue_log {
    const struct queue_layout *layout; /* borrowed, as the id */
    const struct queue_id *id;
    off_t size; /* of what was read */
    struct map offsets;
};
/* Is the done recipient at `offset` one that failed? */
bool requeue_log_has(struct requeue_log *l, int64_t offset);
/* The new message is safe: remove the log. */
void requeue_log_remove(const struct requeue_log *l);
void requeue_log_free(struct requeue_log *l);
