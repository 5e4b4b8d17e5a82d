#pragma once
/* connector/dial - from an endpoint's text to a connected socket, without waiting. */
#include "dns/lookup.h"

#define DIAL_PATH_MAX 108 /* of a UNIX socket, with its NUL */

/* The connected blocking socket, which is the callee's; or -1, an errno, and what it means. */
typedef void dial_done_fn(void *context, int fd, int error, const char *text);

struct dial {
    struct loop *loop;
    dial_done_fn *done; /* NULL: nothing is under way */
    void *context;
    int fd;                      /* of the attempt under way, or -1 */
    struct loop_timer *limit;    /* of the whole */
    struct loop_timer *patience; /* until a UNIX socket with a full queue is tried again */
    struct lookup *lookup;
    char path[DIAL_PATH_MAX]; /* of a UNIX socket */
    struct net_addr addresses[LOOKUP_ADDRESSES_MAX];
    size_t address_count, next;
    int error; /* of the last attempt */
};
#define DIAL_NONE \
    {             \
        .fd = -1  \
    }

static inline bool dial_is_under_way(const struct dial *d) { return d->done != NULL; }
/* Connect to "unix:path" or "inet:host:port" within `wait_s` seconds.  `done` is called once, maybe before this returns; it may
 * start the dial again. */
void dial_start(struct dial *d, struct loop *loop, struct lookups *lookups, struct str endpoint,
                int wait_s, dial_done_fn *done, void *context);
/* `done` will not be called. */
void dial_cancel(struct dial *d);
