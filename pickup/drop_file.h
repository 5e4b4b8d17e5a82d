#pragma once
/* pickup/drop_file - a new file in maildrop/.
 *
 * The owner-x bit says that the message is complete.  It is set before the one fsync, which then
 * makes content and bit durable together; a file that a power cut left with the bit and without
 * its end was never acknowledged, and pickup(8) recognises it by the missing end. */
#include "base/buf.h"
#include "queue/queue_id.h"

struct drop_file {
    int fd;
    struct queue_id id;
};

/* Create maildrop/ID with mode 0644.  From here on a signal that ends the process removes it.
 * False: errno. */
NODISCARD bool drop_file_create(struct drop_file *f, bool long_id);
NODISCARD bool drop_file_write(struct drop_file *f, struct str bytes);
/* Mode 0744 and on disk.  False: errno; the file is gone. */
NODISCARD bool drop_file_commit(struct drop_file *f);
/* Remove the unfinished file; fine when there is none. */
void drop_file_remove(void);
/* SIGHUP, SIGINT, SIGQUIT and SIGTERM remove the unfinished file and end the process. */
void drop_file_catch_signals(void);
