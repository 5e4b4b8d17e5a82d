#pragma once
/* os/stream - the one place that reads and writes a connection.
 *
 * Whoever talks to a peer has a policy of time (os/link, smtpd's pace, smtp-client's wire) and says until when a call
 * may wait; what a connection does to its user besides (interrupted calls, halves of what was to be written, a peer that
 * went away, a wait that a signal called off) is met here.  What carries the bytes is a set of operations: the plain
 * socket is the first one.
 *
 * To wait for a read costs no system call of its own as long as the kernel can keep the time: when there is no deadline, or one
 * that is further away than the kernel's own limit.  A write seldom has to wait: it is tried first. */
#include "os/fd.h"

struct stream;

/* As read(2) and write(2): more than 0, 0 at the end, or -1 with errno.  Without `wait` what would have to wait fails with
 * EAGAIN, and `wants` of the stream says for what. */
struct stream_ops {
    ssize_t (*read)(struct stream *s, char *into, size_t room, bool wait);
    ssize_t (*write)(struct stream *s, struct str bytes, bool wait);
    /* Bytes have come that the kernel does not know of any more. */
    bool (*pending)(const struct stream *s);
    /* The last word, as far as it goes out at once, and the end of what the operations keep; the descriptor stays. */
    void (*end)(struct stream *s);
};
extern const struct stream_ops stream_plain;

struct stream {
    int fd; /* -1: not connected */
    const struct stream_ops *ops;
    void *state; /* of the operations */
    int64_t
        kernel_ms; /* longest wait of one read (socket_set_read_timeout()), and of one write; 0: no limit */
    short wants; /* POLLIN or POLLOUT: see stream_ops */
    /* Set by a signal handler: from then on nothing is waited for; what goes without waiting still goes.  NULL: never. */
    const volatile bool *called_off;
};
#define STREAM_NONE                    \
    {                                  \
        .fd = -1, .ops = &stream_plain \
    } /* not connected */

/* A connected socket, pipe or terminal, which belongs to the stream from now on. */
void stream_init(struct stream *s, int fd, int64_t kernel_ms);
void stream_close(struct stream *s); /* one that is not connected is fine */
/* The same, for a descriptor that somebody else will close. */
void stream_release(struct stream *s);

/* One read of at least one byte: `*got`.  One write of at least one byte: `*done`.  DEADLINE_NEVER leaves the time to the
 * kernel, DEADLINE_NOW does not wait.  IO_EOF: the peer sends no more; IO_TIMEOUT: errno is ETIMEDOUT. */
NODISCARD enum io_result stream_read(struct stream *s, char *into, size_t room,
                                     struct deadline until, size_t *got);
NODISCARD enum io_result stream_write(struct stream *s, struct str bytes, struct deadline until,
                                      size_t *done);
/* The whole of `bytes`, in as many writes as it takes. */
NODISCARD enum io_result stream_write_all(struct stream *s, struct str bytes,
                                          struct deadline until);
/* A word that goes out at once or not at all. */
void stream_try_write(struct stream *s, struct str bytes);
/* Nothing comes within this time, not even the end. */
bool stream_is_quiet(const struct stream *s, int ms);
