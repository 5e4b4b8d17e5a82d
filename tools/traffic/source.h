#pragma once
/* tools/traffic/source - what the generators share: their options, and sessions in parallel that take message after
 * message from one count.  The protocol is the caller's. */
#include "base/attr.h"
#include "tools/traffic/endpoint.h"
#include "tools/traffic/talk.h"

struct source;

/* One session; the first member of what a protocol needs for it. */
struct sender {
    struct talk talk;
    struct source *source;
    size_t address;  /* of the endpoint's, tried last */
    int tries_left;  /* -C */
    int64_t message; /* the number of the one under way, from 1 */
};

struct source {
    const struct talk_kind *kind; /* gone() calls source_gone() at last */
    size_t sender_size;
    struct talks talks;
    struct endpoint to;
    int family;
    int tries, recipients, sessions;
    int64_t messages;
    size_t length; /* of the payload */
    const char *from, *rcpt, *host;
    int wait_s;          /* between messages of a session */
    bool waits_randomly; /* up to wait_s */
    bool counts;         /* show how many were delivered */
    bool numbers_all;    /* no two recipients are the same */
    int64_t started, delivered, recipients_named;
};

#define SOURCE_LETTERS "46cC:f:l:m:M:r:R:s:t:T:vw:"

void source_init(struct source *s);
/* One of SOURCE_LETTERS; false for another one. */
bool source_option(struct source *s, int letter, const char *value);
/* Until all messages are sent; the process ends there.  `to` and `port` as for endpoint_resolve(). */
NORETURN void source_run(struct source *s, const char *to, const char *port);

/* The message under way was taken. */
void source_count(struct sender *sender);
/* Another message for this session?  Then it is the one under way. */
bool source_take(struct sender *sender);
/* Milliseconds to wait before it. */
int64_t source_wait_ms(const struct source *s);
/* The connection is gone: on to the next address, to another try, or to a next message; the sender's memory is the
 * source's business.  Fatal when it could not be made. */
void source_gone(struct sender *sender, int error);
/* A recipient of a message; the first one, number 1, is the address as given. */
void source_put_recipient(struct source *s, int number, struct buf *out);
/* The headers of the message under way, with the empty line; `subject` may be NULL. */
void source_put_headers(const struct sender *sender, const char *subject, struct str newline,
                        struct buf *out);
/* Lines of `length` bytes together, the last line end not counted. */
void source_put_payload(size_t length, struct str newline, struct buf *out);
