#pragma once
/* sasl/dovecot - the client's half of Dovecot's authentication protocol, without sockets.  Pure.
 *
 * Versions 1.0 to 1.3 are alike in what matters here.  One connection serves any number of exchanges, one after the other:
 *
 *     dovecot_hello(&d, pid, &out);              write `out`
 *     while ((ev = dovecot_next(&d)).kind == DOVECOT_MORE)
 *         read into dovecot_room(), dovecot_filled()
 *     DOVECOT_READY: d.mechanisms are known
 *     dovecot_request(&d, &request, &out);       write, then the same loop until there is an answer
 *     DOVECOT_CHALLENGE: dovecot_continue(&d, response, &out) and so on
 *
 * Lines that nobody asked for are skipped.  Strings of an event live until the next call. */
#include "base/arena.h"
#include "base/buf.h"
#include "sasl/properties.h"

#define DOVECOT_LINE_MAX       (64UL * 1024)
#define DOVECOT_MECHANISMS_MAX 64

enum dovecot_kind {
    DOVECOT_MORE,
    DOVECOT_READY,     /* the handshake is over */
    DOVECOT_CHALLENGE, /* text: base64, maybe empty */
    DOVECOT_SUCCESS,   /* user */
    DOVECOT_FAILURE,   /* text: why, or empty; user, where it is told */
    DOVECOT_BROKEN,    /* this is not the peer that we took it for: close the connection */
};

enum dovecot_fault {
    DOVECOT_FAULT_NONE,
    DOVECOT_FAULT_VERSION,      /* its major version is `number` */
    DOVECOT_FAULT_NO_VERSION,   /* that is no version */
    DOVECOT_FAULT_SOCKET,       /* it is not meant for us */
    DOVECOT_FAULT_LINE,         /* a line without end */
    DOVECOT_FAULT_NO_USER,      /* DOVECOT_FAILURE: who has logged in was not told */
    DOVECOT_FAULT_NO_CHALLENGE, /* DOVECOT_FAILURE: a challenge without its text */
};

struct dovecot_event {
    enum dovecot_kind kind;
    struct str text, user; /* raw: not for log lines yet */
    enum dovecot_fault fault;
    int64_t number;
};

struct dovecot_mechanism {
    struct str name;
    unsigned properties; /* enum sasl_property */
};

struct dovecot {
    struct dovecot_mechanism mechanisms[DOVECOT_MECHANISMS_MAX];
    size_t mechanism_count;
    /* The rest is private. */
    struct arena arena;
    struct buf in;
    size_t taken;
    bool ready;
    uint32_t id;
};

struct dovecot_request {
    struct str service, mechanism;
    struct str server_address, client_address;
    bool secured;
    struct str initial; /* base64 as the client sent it; absent: none */
};

void dovecot_init(struct dovecot *d);
/* For tests. */
void dovecot_fini(struct dovecot *d);
/* A new connection: what was known of the old one is forgotten, but numbers of requests go on counting. */
void dovecot_hello(struct dovecot *d, int64_t pid, struct buf *out);
/* Room for the next read. */
char *dovecot_room(struct dovecot *d, size_t *size);
void dovecot_filled(struct dovecot *d, size_t n);
NODISCARD struct dovecot_event dovecot_next(struct dovecot *d);

/* NULL: the peer has none of that name, in any case. */
const struct dovecot_mechanism *dovecot_find(const struct dovecot *d, struct str name);
void dovecot_request(struct dovecot *d, const struct dovecot_request *r, struct buf *out);
void dovecot_continue(struct dovecot *d, struct str base64, struct buf *out);

/* What a fault is, for the log. */
void dovecot_format_fault(const struct dovecot_event *ev, struct buf *out);
