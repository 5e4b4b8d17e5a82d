#pragma once
/* os/link - a buffered byte stream over a blocking socket, for peers that are served one at a time.
 *
 * Every wait is bounded: by a timeout per read or write that the kernel keeps (SO_RCVTIMEO and
 * SO_SNDTIMEO, so that no extra system call is made per wait), or by an absolute deadline when one is set.
 * Reads larger than the peer's line are buffered in `in`; writes are collected in `out` until link_flush(). */
#include "os/fd.h"

struct link {
    int fd;
    int timeout_s;         /* what the kernel was told */
    struct deadline until; /* DEADLINE_NEVER: only the timeout counts */
    const volatile bool
        *is_over;   /* set by a signal handler: a wait ends as if its time were up; or NULL */
    struct buf in;  /* bytes read and not yet consumed */
    struct buf out; /* bytes waiting to be written */
    int error;      /* errno of the last IO_ERROR */
};

void link_init(struct link *l, int fd, int timeout_s, size_t in_max, size_t out_max);
void link_close(struct link *l); /* closes the descriptor and frees the buffers */
void link_set_timeout(struct link *l, int seconds);
/* All waits until link_clear_deadline() end at `until`. */
void link_set_deadline(struct link *l, struct deadline until);
void link_clear_deadline(struct link *l);
/* Write what is in `out`. */
NODISCARD enum io_result link_flush(struct link *l);
/* Flush `out` when it holds something, then read at least one byte into `in`. */
NODISCARD enum io_result link_fill(struct link *l);
/* Bytes are there without waiting: in the buffer or in the kernel. */
bool link_has_input(struct link *l);
