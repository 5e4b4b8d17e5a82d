#pragma once
/* tools/traffic/talk - one connection of the traffic tools, in an epoll loop: what has come is handed to whoever speaks
 * the protocol, what he says goes out when he has heard all of it.  Thousands of them share one buffer for reading, and
 * one that waits for its peer holds no memory besides itself. */
#include "base/buf.h"
#include "base/list.h"
#include "os/loop.h"

struct talk;

struct talk_kind {
    /* The connection stands (of one that connects; none is told of an accepted one). */
    void (*begin)(struct talk *t);
    /* Bytes have come: take from the front of `in` what is complete; the rest comes again with more behind it.  Stops
     * when talk_pause() or talk_end() was called. */
    void (*hear)(struct talk *t, struct str *in);
    /* The last call: the descriptor is closed, and `t` is the callee's again.  `error`: 0 when talk_end() was called,
     * TALK_EOF, ETIMEDOUT, or another errno. */
    void (*gone)(struct talk *t, int error);
};
#define TALK_EOF (-1)

/* What all connections of a program share. */
struct talks {
    struct loop *loop;
    int timeout_s; /* longest silence of a peer that we wait for; 0: for ever */
    size_t count;
    struct list all;
    char *scratch; /* what is read goes here first */
};

struct talk {
    struct talks *talks;
    const struct talk_kind *kind;
    int fd;
    uint32_t watched; /* events */
    struct buf in;    /* what was not consumed */
    struct buf out;   /* what we say; then `more` */
    struct str more;  /* belongs to somebody else, who keeps it */
    struct loop_timer *timer;
    void (*resume)(struct talk *t);
    int64_t active_ms;
    bool connecting, ending;
    struct list node;
};

void talks_init(struct talks *talks, int timeout_s);
/* `fd` belongs to the talk, which is not blocking; `connecting`: connect(2) is under way. */
void talk_start(struct talks *talks, struct talk *t, const struct talk_kind *kind, int fd,
                bool connecting);
/* Say what is in `out` and in `more` now.  Inside of the callbacks this happens when they return. */
void talk_flush(struct talk *t);
/* Hear nothing for a while; then `resume` is called, and what has come meanwhile is heard. */
void talk_pause(struct talk *t, int64_t ms, void (*resume)(struct talk *t));
/* Over when all is said. */
void talk_end(struct talk *t);
