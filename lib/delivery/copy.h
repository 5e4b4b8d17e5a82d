#pragma once
/* delivery/copy - the message as lines: what mailboxes, files and commands receive. */
#include "delivery/delivery.h"

enum copy_flag {
    COPY_FROM_LINE = 1 << 0, /* mbox separator in front */
    COPY_RETURN_PATH = 1 << 1,
    COPY_ORIG_TO = 1 << 2, /* X-Original-To, unless there is none */
    COPY_DELIVERED_TO = 1 << 3,
    COPY_QUOTE_FROM = 1 << 4, /* `>` before lines that begin with "From " */
    COPY_DOT_STUFF = 1 << 5,  /* `.` before lines that begin with a dot */
    COPY_BLANK_END = 1 << 6,  /* an empty line behind */
};
#define COPY_BODY_FLAGS (COPY_QUOTE_FROM | COPY_DOT_STUFF | COPY_BLANK_END)
#define COPY_MBOX       (COPY_FROM_LINE | COPY_QUOTE_FROM | COPY_BLANK_END)

/* Addresses are in internal form. */
struct copy_plan {
    unsigned flags;
    struct str sender, orig_to, delivered_to;
    struct str eol;        /* empty: LF */
    int64_t max_bytes;     /* 0: no limit; what would pass it is the error EFBIG */
    time_t now;            /* for the separator */
    struct deadline until; /* for the reader of a descriptor that does not block */
    int64_t appended_at;   /* set by mbox_append: where the new mail begins */
};

/* The pure part: text in, lines out. */
struct copier {
    const struct copy_plan *plan;
    struct buf out;
    bool at_line_start;
};
void copier_init(struct copier *c, const struct copy_plan *plan);
void copier_head(struct copier *c);
void copier_text(struct copier *c, struct str piece, bool ends_line);
void copier_end(struct copier *c);

enum copy_result {
    COPY_OK,
    COPY_CORRUPT, /* the queue file cannot be read to its end */
    COPY_WRITE,   /* errno says why */
};
/* The whole message to `fd`; small ones with a single write.  From the second copy of a request on the body is kept as
 * that kind of copy has it (up to COPY_KEEP_MAX), so that members of a list cost what they get and no more. */
#define COPY_KEEP_MAX ((int64_t)16 * 1024 * 1024)
NODISCARD enum copy_result copy_message(struct delivery *d, const struct copy_plan *plan, int fd);
/* The request is over. */
void copy_forget(struct delivery *d);
