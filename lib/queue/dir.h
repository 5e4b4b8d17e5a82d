#pragma once
/* queue/dir - the queue directories: names, hashing, opening, renaming, scanning.
 *
 * All paths are relative to the queue directory, which is the working directory of every daemon. */
#include "queue/queue_id.h"

#include <dirent.h>
#include <sys/stat.h>

#define QUEUE_MAILDROP "maildrop"
#define QUEUE_INCOMING "incoming"
#define QUEUE_ACTIVE   "active"
#define QUEUE_DEFERRED "deferred"
#define QUEUE_HOLD     "hold"
#define QUEUE_CORRUPT  "corrupt"
#define QUEUE_SPARE    "spare"
#define QUEUE_BOUNCE   "bounce"
#define QUEUE_DEFER    "defer"
#define QUEUE_TRACE    "trace"
#define QUEUE_FLUSH    "flush"
/* No queue: where pickup(8) hears the users of this machine.  It is root's, and all may enter. */
#define QUEUE_SUBMIT "submit"

/* Mode bits of a message file (spec: queue file, section 1). */
#define QUEUE_MODE_INCOMPLETE   0600
#define QUEUE_MODE_READY        0700
#define QUEUE_MODE_CORRUPT      0400
#define QUEUE_MODE_UNTHROTTLE   0040
#define QUEUE_MODE_FORCE_EXPIRE 0010

/* hash_queue_names, hash_queue_depth; strings live as long as the parameters. */
struct queue_layout {
    struct str hashed_names;
    int depth;
};

/* "deferred/B/B084552CCBC"; the hash levels follow the layout. */
void queue_path(const struct queue_layout *layout, const char *queue, const struct queue_id *id,
                struct buf *out);
/* Open an existing file of a queue.  Tries the layout's place, then every other hash depth from 0 to 16
 * (files stay where they were when the parameters change).  -1: errno. */
NODISCARD int queue_open(const struct queue_layout *layout, const char *queue,
                         const struct queue_id *id, int flags);
/* Create a file (O_CREAT is added) at the layout's place, making hash directories on demand.  -1: errno. */
NODISCARD int queue_create(const struct queue_layout *layout, const char *queue,
                           const struct queue_id *id, int flags, mode_t mode);
/* Make the directories above `path` (mode 0700), the queue itself included.  False: errno. */
NODISCARD bool queue_make_parents(const char *path);
/* Rename between queues, making hash directories on demand.  False: errno. */
NODISCARD bool queue_rename(const struct queue_layout *layout, const char *from, const char *to,
                            const struct queue_id *id);
NODISCARD bool queue_remove(const struct queue_layout *layout, const char *queue,
                            const struct queue_id *id);
NODISCARD bool queue_stat(const struct queue_layout *layout, const char *queue,
                          const struct queue_id *id, struct stat *st);

/* A walk over all message files of one queue, at any hash depth, in directory order.  Files that come or go meanwhile
 * may be seen or not. */
struct queue_scan;
struct queue_scan *queue_scan_open(const char *queue); /* never NULL; a missing queue is empty */
/* False at the end.  Names that are no queue ids are skipped. */
bool queue_scan_next(struct queue_scan *s, struct queue_id *id);
/* Path of the entry returned last, relative to the queue directory. */
const char *queue_scan_path(const struct queue_scan *s);
void queue_scan_close(struct queue_scan *s);
