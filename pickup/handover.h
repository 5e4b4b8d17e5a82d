#pragma once
#include "base/buf.h"

/* pickup/handover - passing records to pickup(8) while the mail system runs, or to postdrop(1), which writes them to the
 * maildrop queue.
 *
 * A message that fits in a packet goes straight to pickup.  Otherwise one that fits in a pipe costs no second process:
 * sendmail fills the pipe and becomes postdrop.  A larger one is streamed to a child.  postdrop speaks to the user in sendmail's
 * name. */
struct handover {
    const char *socket;  /* where pickup hears users */
    const char *command; /* path of postdrop */
    int fd;              /* to the child; -1 while there is none */
    int pid;
    bool must_return; /* the caller has something to do afterwards */
    bool broken;      /* the child reads no more; its exit status says why */
    struct buf pending;
};

void handover_init(struct handover *h, const char *socket, const char *command, bool must_return);
/* Where to put records; handover_pump() passes them on when many have gathered. */
struct buf *handover_records(struct handover *h);
void handover_pump(struct handover *h);
/* All records were given.  Returns the exit status, or not at all. */
int handover_finish(struct handover *h);
/* Give up: the child sees an incomplete message and drops it. */
void handover_abort(struct handover *h);
