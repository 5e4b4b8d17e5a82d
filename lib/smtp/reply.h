#pragma once
/* smtp/reply - replies: how we write ours, how we read a server's. */
#include "base/arena.h"
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
/* soft_bounce: a 5xx becomes a 4xx, in the enhanced status too; its text goes to `a` then. */
struct smtp_reply smtp_reply_soften(struct smtp_reply reply, struct arena *a);
/* A whole reply as access tables and milters give it ("550 5.7.1 go away"), if it is one: a code
 * from 200 to 599 and a blank. */
NODISCARD bool smtp_reply_split(struct str whole, struct smtp_reply *reply);

/* ---- a server's reply ---- */

#define SMTP_REPLY_MAX (64UL * 1024) /* all lines of one reply */

/* What a code says, by its first digit.  A class that does not answer the command is SMTP_NONSENSE
 * to whoever asked. */
enum smtp_class { SMTP_NONSENSE, SMTP_YES = 2, SMTP_GO_ON, SMTP_LATER, SMTP_NEVER };

struct smtp_answer {
    int code; /* any three digits */
    struct str
        status; /* enhanced status: the one in the text, or made from the code ("5.0.0"; "5.5.0"
                          when the code is neither yes nor no) */
    bool has_status; /* it was in the text */
    struct str
        all; /* all lines with their codes, LF between: "550-5.1.1 no\n550 5.1.1 such user" */
    struct str text;    /* the same for reports and logs: no further lines behind the limit */
    struct str message; /* last line without code and status */
};

enum smtp_class smtp_class_of(int code);

enum smtp_reply_result {
    SMTP_REPLY_MORE, /* needs more input */
    SMTP_REPLY_OK,
    SMTP_REPLY_BAD, /* over a limit, or endless: the connection is of no use any more */
};

/* What is worth a word in a log or transcript.  With each goes the line it is about. */
enum smtp_note {
    SMTP_NOTE_SAID,       /* client: a command, or the final dot */
    SMTP_NOTE_HEARD,      /* a line of a reply */
    SMTP_NOTE_NO_REPLY,   /* a line that is no part of a reply */
    SMTP_NOTE_LONG_LINE,  /* a line over the limit, cut */
    SMTP_NOTE_LONG_REPLY, /* the reply that goes over the limit; lines will be left out */
    SMTP_NOTE_BAD_SIZE,   /* client: what follows SIZE in a reply to EHLO is no number */
    SMTP_NOTE_FOLDED,     /* client: a line of content was too long and has been broken; no text */
};
typedef void smtp_note_fn(void *context, enum smtp_note note, struct str text);

/* Collects the lines of one reply.  Lines that do not begin with three digits are kept as text, as
 * servers that babble are common; the first line with a code and no hyphen ends the reply.  Control
 * characters and what is no UTF-8 become `?`. */
struct smtp_reply_reader {
    size_t line_limit; /* a longer line is cut; lines behind as many bytes are not in answer.text */
    struct buf text;
    char status_made[8];
    bool skipping; /* the rest of an overlong line */
    size_t passed; /* bytes of this reply so far, with those that were not kept */
    bool complete;
    /* Called for each line; may put another text in `out` and return true (smtp_reply_filter). NULL
     * for none. */
    bool (*filter)(void *context, struct str line, struct buf *out);
    smtp_note_fn *note; /* NULL for none */
    void *context;      /* of both */
};

void smtp_reply_reader_init(struct smtp_reply_reader *r, size_t line_limit);
void smtp_reply_reader_fini(struct smtp_reply_reader *r);
/* Consumes from the front of `*in`.  With SMTP_REPLY_OK `answer` is valid until the next call, and
 * `*in` starts behind the reply. */
NODISCARD enum smtp_reply_result smtp_reply_read(struct smtp_reply_reader *r, struct str *in,
                                                 struct smtp_answer *answer);
/* For tests.  The same for a text that is complete ("550-a\n550 b"); false if it is no reply. `made` holds a
 * status that had to be made up. */
NODISCARD bool smtp_answer_parse(struct str text, char made[8], struct smtp_answer *answer);
