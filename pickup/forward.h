#pragma once
/* pickup/forward - a message of this host on its way to cleanup(8), wherever its records are read from. */
#include "pickup/maildrop_copy.h"
#include "queue/file.h"

#include <sys/types.h>
#include <time.h>

/* What becomes of the message where it was. */
enum fate {
    FATE_REMOVE,  /* it is queued, or somebody was told */
    FATE_KEEP,    /* try again later */
    FATE_CORRUPT, /* set aside */
    FATE_STOP,    /* as KEEP, and the others have no better chance now */
};

/* One message under way.  The caller's: what is above the line. */
struct drop {
    const char *path, *name; /* for log lines */
    uid_t uid;               /* whose it is */
    struct timeval when;     /* it came */
    struct maildrop_copy copy;
    /* The next record; its text stays valid until the next call. */
    enum queue_read (*next)(struct drop *d, struct record *rec);

    struct buf envelope; /* records to send, up to M */
    struct buf sender;   /* internal form */
};

/* Everything is read, sent, and settled.  FATE_REMOVE: what cleanup(8) took is durable. */
enum fate drop_forward(struct drop *d);
/* Let go of the connection to cleanup(8), which is kept for the next message. */
void drop_forward_rest(void);
