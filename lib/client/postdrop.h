#pragma once
/* client/postdrop - submit a message as any user may: through a postdrop(1) of our own, which leaves it in the
 * maildrop queue. */
#include "ipc/messages/cleanup.h"
#include "os/link.h"
#include "queue/queue_id.h"

#include <sys/types.h>

struct postdrop_client {
    struct link link; /* its standard input and output */
    pid_t pid;
};

/* Start it and wait for the queue id.  False, logged: it would not have us. */
NODISCARD bool postdrop_client_open(struct postdrop_client *c, const char *command, int timeout_s,
                                    struct queue_id *id);
/* The buffer for records, and passing on what has gathered in it; false: nobody reads. */
struct buf *postdrop_client_records(struct postdrop_client *c);
NODISCARD bool postdrop_client_flush(struct postdrop_client *c);
/* All records were given: the verdict. */
enum cleanup_status postdrop_client_end(struct postdrop_client *c);
/* Drop the message. */
void postdrop_client_abort(struct postdrop_client *c);
