#pragma once
/* ipc/channel - frames over a UNIX stream between two of our processes.
 *
 * A frame is a 4-byte length (little endian, of kind and body), one byte of kind, and the body.  Kinds are
 * letters declared beside the messages in ipc/messages/.  Sends are collected; one write goes out when the
 * buffer is large, at channel_flush(), or before a receive. */
#include "os/link.h"

/* Kind and body, for both ends. */
#define CHANNEL_FRAME_MAX (4UL * 1024 * 1024)

struct channel {
    struct link link;
    size_t taken;   /* bytes of link.in handed out by the last receive */
    size_t open_at; /* where the frame begun last starts in link.out */
};
#define CHANNEL_NONE      \
    {                     \
        .link = LINK_NONE \
    } /* not connected */

/* Connect to a service of ours: its socket's name below "private" or "public" of the queue directory.  False,
 * channel untouched: errno. */
NODISCARD bool channel_open(struct channel *c, const char *directory, struct str service,
                            int timeout_s);
void channel_init(struct channel *c, int fd, int timeout_s);
void channel_close(struct channel *c);
void channel_release(
    struct channel *c); /* the same, for a descriptor that somebody else will close */
static inline bool channel_is_open(const struct channel *c) { return link_is_open(&c->link); }

/* Queue one frame.  False when a write failed, or when it is longer than any reader takes (EMSGSIZE; then nothing is
 * queued). */
NODISCARD bool channel_send(struct channel *c, char kind, struct str body);
/* For bodies built in place: begin, append to the returned buffer, end.  One frame at a time.  A part that the buffer
 * refused makes the frame one that cannot be sent. */
struct buf *channel_begin(struct channel *c, char kind);
NODISCARD bool channel_end(struct channel *c);
NODISCARD bool channel_flush(struct channel *c);
/* Wait for the next frame; kind and body stay valid until the next receive. */
NODISCARD enum io_result channel_receive(struct channel *c, char *kind, struct str *body);

/* For a service that answers one question a connection: receive it, and have `answer` begin the frame of the answer
 * (channel_begin); false: that was no question.  The descriptor stays open. */
typedef bool channel_answer_fn(struct channel *c, struct str body);
void channel_serve_one(int fd, int timeout_s, char question, channel_answer_fn *answer);

/* For epoll loops: split what is in `in` (nothing is read).  False: not complete yet.
 * `*bad` is set when the peer breaks the protocol. */
bool channel_split(struct str *in, char *kind, struct str *body, bool *bad);
/* False, nothing added: too long. */
NODISCARD bool channel_frame(struct buf *out, char kind, struct str body);
