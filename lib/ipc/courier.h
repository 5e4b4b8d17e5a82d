#pragma once
/* ipc/courier - requests to another of our processes without waiting for it: a channel for epoll loops.
 *
 * A courier stands for one connection to one service.  It connects when there is something to send, writes
 * requests as the peer takes them, and hands each answer to who asked; a peer answers in the order in which it
 * was asked.  A connection that ends fails every request that is under way, and tells how; whether one is sent
 * again is the sender's affair. */
#include "base/buf.h"
#include "os/loop.h"

enum courier_result {
    COURIER_ANSWERED,
    COURIER_UNAVAILABLE, /* no connection: `error` is an errno */
    COURIER_UNREAD,      /* the peer went away and has not read the request: it may be sent again */
    COURIER_LOST,        /* the peer went away: nobody knows what it did */
    COURIER_NONSENSE,    /* the peer breaks the protocol */
    COURIER_LATE,        /* the time is up */
};

struct courier_answer {
    enum courier_result result;
    int error;
    char kind; /* of the answer, and its content, valid until the callback returns */
    struct str body;
};

/* Every request ends with one of these calls, except those of a courier that is freed.  It may send more, and
 * free the courier. */
typedef void courier_answer_fn(void *context, const struct courier_answer *answer);

/* What the couriers of one kind have in common. */
struct courier_rules {
    /* -1: errno, and with EAGAIN or without a free descriptor it is asked again after a moment. */
    int (*open)(struct str service); /* courier_open(), unless this is a test */
    int open_tries;                  /* how often; 0: until it succeeds */
    int64_t deadline_ms;             /* from a request to its answer; 0: none */
    size_t answer_max;               /* longest body */
    /* The peer left while nothing was asked of it, or spoke without being asked; the courier may be freed.
     * NULL: nobody cares, the next request connects again. */
    void (*gone)(void *context);
};

/* Connect to a service of ours below "private", without waiting.  -1: errno; EAGAIN: it has too many clients now.
 * The one place that knows how couriers find their service. */
NODISCARD int courier_open(struct str service);

struct courier;
/* `loop` and `rules` are borrowed; `context` is for rules->gone. */
struct courier *courier_new(struct loop *loop, const struct courier_rules *rules,
                            struct str service, void *context);
/* Requests under way are forgotten; NULL is fine. */
void courier_free(struct courier *c);
/* Send one frame.  False: there is no connection and none can be made, or no frame holds it (errno); nothing was sent
 * and no answer will come; true: `fn` is called, but not yet. */
NODISCARD bool courier_send(struct courier *c, char kind, struct str body, courier_answer_fn *fn,
                            void *context);
/* One frame that the peer does not answer; otherwise the same. */
NODISCARD bool courier_say(struct courier *c, char kind, struct str body);
/* The same as courier_send() with a descriptor for the peer, which is the courier's from now on, whatever comes of it.  For couriers that have
 * one request under way at a time. */
NODISCARD bool courier_send_with(struct courier *c, char kind, struct str body, int fd,
                                 courier_answer_fn *fn, void *context);
