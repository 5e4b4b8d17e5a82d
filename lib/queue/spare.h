#pragma once
/* queue/spare - queue files of messages that are done, kept a moment for the messages that come next.
 *
 * Making and removing a file costs a journalling file system more than all else that a message needs there;
 * a spare one has its inode and its blocks already.  qmgr(8) puts finished files into spare/, cleanup(8) takes
 * them from there.  Memory that all daemons share has one bit per file: it tells where to look, and nothing that
 * matters relies on it.  docs/QUEUE_STATES.md has the crash argument. */
#include "base/attr.h"
#include "base/buf.h"

#include <stdatomic.h>
#include <stdint.h>
#include <sys/types.h>

#define QUEUE_SPARES         64
#define QUEUE_SPARE_SIZE_MAX (64L * 1024) /* bytes; larger files are not kept */

/* All zero at first: none. */
struct queue_spares {
    _Atomic uint64_t full;  /* bit n: spare/n may be taken */
    _Atomic uint64_t taken; /* bit n: somebody is about to give spare/n another name */
};

/* One that was taken. */
struct queue_spare {
    unsigned place;
    struct buf path; /* spare/n */
    off_t size;
    ino_t inode;
};

/* May files of the queue directory (the working directory) be used again?  Only where the kernel makes the
 * new content durable before the metadata that declares it complete. */
bool queue_spares_are_safe(void);
/* Move the file at `path`, which has a seal (queue/seal.h), to the spare ones.  False: it is where it was and its owner removes it.  Only one process may put. */
NODISCARD bool queue_spare_put(struct queue_spares *s, const char *path);
/* Take a spare file that is `owner`'s (this process's), the search starting at `hint`: its descriptor, open for reading and writing at offset 0.  Its mode is 0600,
 * its content that of an old message, and its owner gives it a name at once.  -1: none.  `s` may be NULL. */
NODISCARD int queue_spare_take(struct queue_spares *s, uid_t owner, unsigned hint,
                               struct queue_spare *spare);
/* Its name is another one now, or it was removed.  False: what had the name was not the file at `fd`, because the shared memory
 * does not tell the truth. */
NODISCARD bool queue_spare_done(struct queue_spares *s, const struct queue_spare *spare, int fd);
/* Remove all spare files. */
void queue_spares_clear(struct queue_spares *s);
