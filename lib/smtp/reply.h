#pragma once
/* smtp/reply - replies: how we write ours, how we read a server's. */
#include "base/buf.h"
#include "base/str.h"

/* A reply of ours.  `text` includes the enhanced status; LF separates the lines of a longer one. */
struct smtp_reply {
    int code;
    struct str text;
};

/* Wire form: each line as `250-text`, the last as `250 text`.  Control characters become `?`, so
 * that what a reply quotes from the client cannot break it. */
void smtp_reply_format(struct smtp_reply reply, struct buf *out);
/* A whole reply as access tables and milters give it ("550 5.7.1 go away"), if it is one: a code
 * from 200 to 599 and a blank. */
NODISCARD bool smtp_reply_split(struct str whole, struct smtp_reply *reply);

/* ---- a server's reply ---- */

#define SMTP_REPLY_MAX (64UL * 1024) /* all lines of one reply */

struct smtp_answer {
    int code;          /* 200..599 */
    struct str status; /* enhanced status: the one in the text, or made from the code ("5.0.0") */
    bool has_status;   /* it was in the text */
    struct str
        text; /* all lines with their codes, LF between: "550-5.1.1 no\n550 5.1.1 such user" */
    struct str message; /* last line without code and status */
};

enum smtp_reply_result {
    SMTP_REPLY_MORE, /* needs more input */
    SMTP_REPLY_OK,
    SMTP_REPLY_BAD, /* over a limit, or endless: the connection is of no use any more */
};

/* Collects the lines of one reply.  Lines that do not begin with three digits are kept as text, as
 * servers that babble are common; the first line with a valid code and no hyphen ends the reply. */
struct smtp_reply_reader {
    size_t line_limit; /* a longer line is cut */
    struct buf text;
    char status_made[8];
    bool skipping; /* the rest of an overlong line */
    bool complete;
    /* Called for each line; may put another text in `out` and return true (smtp_reply_filter). NULL
     * for none. */
    bool (*filter)(void *context, struct str line, struct buf *out);
    void *filter_context;
};

void smtp_reply_reader_init(struct smtp_reply_reader *r, size_t line_limit);
void smtp_reply_reader_fini(struct smtp_reply_reader *r);
/* Consumes from the front of `*in`.  With SMTP_REPLY_OK `answer` is valid until the next call, and
 * `*in` starts behind the reply. */
NODISCARD enum smtp_reply_result smtp_reply_read(struct smtp_reply_reader *r, struct str *in,
                                                 struct smtp_answer *answer);
/* The same for a text that is complete ("550-a\n550 b"); false if it is no reply. `made` holds a
 * status that had to be made up. */
NODISCARD bool smtp_answer_parse(struct str text, char made[8], struct smtp_answer *answer);
