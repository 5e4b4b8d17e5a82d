#pragma once
/* os/link - a stream with buffers, for peers that are served one at a time.
 *
 * Every read and every write has the same time, which the kernel keeps.  Reads larger than the peer's line are
 * buffered in `in`; writes are collected in `out` until link_flush(). */
#include "os/stream.h"

struct link {
    struct stream stream;
    struct buf in;  /* bytes read and not yet consumed */
    struct buf out; /* bytes waiting to be written */
};
#define LINK_NONE             \
    {                         \
        .stream = STREAM_NONE \
    } /* not connected */

void link_init(struct link *l, int fd, int timeout_s, size_t in_max, size_t out_max);
static inline bool link_is_open(const struct link *l) { return l->stream.fd >= 0; }
void link_close(struct link *l);   /* closes the descriptor and frees the buffers */
void link_release(struct link *l); /* the same, for a descriptor that somebody else will close */
/* Write what is in `out`. */
NODISCARD enum io_result link_flush(struct link *l);
/* Flush `out` when it holds something, then read at least one byte into `in`.  EMSGSIZE: it is full. */
NODISCARD enum io_result link_fill(struct link *l);
