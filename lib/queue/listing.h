#pragma once
/* queue/listing - what is in the queue, message by message: read from the queue directories
 * (showq(8), and postqueue(1) while the mail system is down), and on the wire of public/showq
 * (spec: ipc section 2). */
#include "queue/dir.h"

/* Addresses are in external form; the null sender is MAILER-DAEMON.  Strings live until the next
 * call. */
struct listing_message {
    struct str queue, id, sender;
    int64_t time, size;
    bool forced_expire;
};

struct listing_recipient {
    struct str original; /* empty when it is the same */
    struct str address;
    struct str log_class; /* "defer", "bounce" or empty */
    struct str reason;    /* may be empty */
};

/* Who receives a listing: message, its recipients, end of the message, next message ... */
struct listing_sink {
    void (*message)(void *context, const struct listing_message *m);
    void (*recipient)(void *context, const struct listing_recipient *r);
    void (*message_end)(void *context);
    void *context;
};

/* Read all queues.  `wanted` may end it early by returning false (the client went away); NULL:
 * never. */
void listing_read_queues(const struct queue_layout *layout, const struct listing_sink *sink,
                         bool (*wanted)(void *context));

/* Read one directory with its hash directories, whose files are as those of a queue; without reasons. */
void listing_read_directory(const char *path, const struct listing_sink *sink);

/* ---- the wire ---- */

#define LISTING_PROTOCOL  "mail_queue_list_protocol"
#define LISTING_VALUE_MAX (64UL * 1024) /* what is longer is cut: it is for people */
#define LISTING_ITEM_MAX \
    (512UL * 1024) /* the head of a message, or a recipient, with all its values */

void listing_put_head(struct buf *out);
void listing_put_message(struct buf *out, const struct listing_message *m);
void listing_put_recipient(struct buf *out, const struct listing_recipient *r);
void listing_put_end(struct buf *out); /* of a message; once more at the end of all */

enum listing_state { LISTING_HEAD, LISTING_BETWEEN, LISTING_INSIDE, LISTING_DONE, LISTING_BROKEN };

/* Takes the stream apart.  Start with LISTING_HEAD. */
struct listing_parser {
    enum listing_state state;
    bool head_seen;
};
/* Take all that is complete off `in` and hand it to the sink.  Afterwards `state` is
 * LISTING_DONE at the end, LISTING_BROKEN when this is not the protocol; otherwise more bytes
 * are needed. */
void listing_parse(struct listing_parser *p, struct str *in, const struct listing_sink *sink);
