#pragma once
/* queue/writer - writing a new queue file: created, filled sequentially, made durable, all in the order
 * that docs/QUEUE_STATES.md proves safe. */
#include "queue/dir.h"
#include "queue/record.h"

struct queue_writer {
    int fd;
    struct queue_id id;
    char queue[16];     /* where it is now: incoming, hold */
    struct buf pending; /* not yet written */
    int64_t written;
    int error;          /* errno of the first failure, sticky */
};

/* Create incoming/ID with mode 0600.  False: errno. */
NODISCARD bool queue_writer_open(struct queue_writer *w, const struct queue_layout *layout, bool long_ids,
                                 struct timeval now);
/* Append encoded records; written to disk in large pieces. */
void queue_writer_add(struct queue_writer *w, struct str records);
int64_t queue_writer_offset(const struct queue_writer *w); /* where the next byte will stand */
/* Overwrite bytes that were added before (the C record). */
void queue_writer_patch(struct queue_writer *w, int64_t at, struct str bytes);
/* Mode 0700, then one fsync; afterwards the message is ours.  With `hold` it is renamed to hold/ first.
 * False: errno in w->error, the file is gone. */
NODISCARD bool queue_writer_commit(struct queue_writer *w, const struct queue_layout *layout, bool hold);
/* Close and remove the unfinished file; fine after a commit (then it only closes). */
void queue_writer_close(struct queue_writer *w, const struct queue_layout *layout);
