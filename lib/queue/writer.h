#pragma once
/* queue/writer - writing a new queue file: created, filled sequentially, made durable, all in the order
 * that docs/QUEUE_STATES.md proves safe.
 *
 * One writer serves any number of messages, one after the other, and keeps its memory between them:
 *
 *   struct queue_writer w = QUEUE_WRITER_INIT;
 *   queue_writer_open(), queue_writer_add() ..., queue_writer_commit(), queue_writer_close()   per message
 *   queue_writer_fini()                                                                        at the end */
#include "queue/dir.h"
#include "queue/record.h"
#include "queue/spare.h"

#define QUEUE_WRITER_MEMORY (256UL * 1024) /* a message up to this size is one write(2) */

struct queue_writer {
    int fd;
    struct queue_id id;
    char queue[16];     /* where it is now: incoming, hold; empty: nowhere */
    struct buf pending; /* not yet written */
    int64_t written;
    int64_t seal_at;             /* where the seal's value stands; 0: there is none */
    struct queue_spares *spares; /* where used files may be had; NULL: nowhere */
    bool used_before;            /* the file is one of them ... */
    off_t leftover;              /* ... and has so many bytes of its old content */
    int error;                   /* errno of the first failure, sticky */
    int directory_sync; /* does this file system need an fsync of the directory: -1 not known yet */
    pid_t pid;          /* this process, which names its files by it; 0: not asked yet */
    uid_t owner;        /* whose its files are; known together with `pid` */
};

#define QUEUE_WRITER_INIT ((struct queue_writer){ .fd = -1, .directory_sync = -1 })

/* Create incoming/ID with mode 0600.  False: errno. */
NODISCARD bool queue_writer_open(struct queue_writer *w, const struct queue_layout *layout,
                                 bool long_ids, struct timeval now);
/* Append encoded records; written to disk in large pieces.  Errors are kept in w->error. */
void queue_writer_add(struct queue_writer *w, struct str records);
/* The buffer that is written next, for encoding in place; call queue_writer_spill() now and then.  A record that it
 * refused is an error as any other. */
static inline struct buf *queue_writer_buf(struct queue_writer *w) { return &w->pending; }
void queue_writer_spill(struct queue_writer *w);
/* Where the next byte will stand. */
static inline int64_t queue_writer_offset(const struct queue_writer *w)
{
    return w->written + (int64_t)w->pending.len;
}
/* Add the seal (queue/seal.h); queue_writer_commit() fills it in where the file may be used again one day. */
void queue_writer_put_seal(struct queue_writer *w);
/* Overwrite bytes that were added before (the C record). */
void queue_writer_patch(struct queue_writer *w, int64_t at, struct str bytes);
/* Write out all that was added, for another process to read the unfinished file.  False: see w->error. */
NODISCARD bool queue_writer_flush(struct queue_writer *w);
/* Mode 0700, then one fsync; afterwards the message is ours.  With `hold` it is renamed to hold/ first.
 * False: errno in w->error, the file is gone. */
NODISCARD bool queue_writer_commit(struct queue_writer *w, const struct queue_layout *layout,
                                   bool hold);
/* Close and remove the unfinished file; fine after a commit (then it does nothing). */
void queue_writer_close(struct queue_writer *w, const struct queue_layout *layout);
/* For tests.  queue_writer_close() was called; frees the memory. */
void queue_writer_fini(struct queue_writer *w);
