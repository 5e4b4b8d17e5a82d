#pragma once
/* postscreen/dialogue - the SMTP that postscreen speaks itself: enough to see how a client behaves and who it wants to write
 * to, and no mail is ever taken.  Pure: bytes go in, events come out.
 *
 * Each line passes the same steps: what it looks like (BARE_NEWLINE), what the site makes of it (LINE), whether it is SMTP at
 * all (UNKNOWN), whether its sender waited (PIPELINING), and then it is carried out.  The driver judges and answers; where it
 * does nothing the dialogue goes on. */
#include "smtp/command.h"
#include "smtp/reply.h"

/* What EHLO may offer, in the order of its reply. */
enum dialogue_keyword {
    KEYWORD_SIZE,
    KEYWORD_VRFY,
    KEYWORD_ETRN,
    KEYWORD_STARTTLS,
    KEYWORD_ENHANCEDSTATUSCODES,
    KEYWORD_8BITMIME,
    KEYWORD_DSN,
    KEYWORD_SMTPUTF8,
    KEYWORD_CHUNKING,
    KEYWORDS
};

/* The same for all clients. */
struct dialogue_rules {
    struct str hostname;
    int64_t message_size_limit;
    size_t line_limit;
    int command_limit;
    bool helo_required, tls_required, vrfy_disabled, utf8;
};

enum dialogue_event_kind {
    DIALOGUE_NEED_INPUT,
    DIALOGUE_BARE_NEWLINE, /* `line` */
    DIALOGUE_LINE,         /* `line`: dialogue_replace() it, or go on */
    DIALOGUE_UNKNOWN,      /* `word`, `rest`; `is_odd`: no SMTP command looks like it */
    DIALOGUE_PIPELINING,   /* `word`, `rest` */
    DIALOGUE_RECIPIENT,    /* `rest` is about to be refused: what can be seen has been seen */
    DIALOGUE_REFUSED,      /* the same, well-formed: the recipient is `rest`, `reply` the refusal */
    DIALOGUE_REPLY,        /* say `reply` */
    DIALOGUE_STARTTLS,     /* dialogue_secured(), or a reply of the driver's own */
    DIALOGUE_MANY,         /* too many commands; say `reply` and hang up, as with all that follow */
    DIALOGUE_LONG,         /* a line is too long */
    DIALOGUE_CONTENT,      /* DATA or BDAT, which is `word` */
    DIALOGUE_CLOSE,
};

struct dialogue_event {
    enum dialogue_event_kind kind;
    struct str line, word, rest; /* until the next call */
    struct smtp_reply reply;     /* likewise */
    bool is_odd;
};

struct dialogue {
    const struct dialogue_rules *rules;
    struct smtp_reply refusal; /* of recipients; the driver's */
    struct smtp_reply resort;  /* with a code: the answer to whatever comes, and the end */
    unsigned keywords;         /* bits of what is offered */
    bool secured;              /* by TLS */
    struct str where;          /* the last command, for log lines */
    struct str helo, sender;   /* as they were given; absent: not yet */
    bool esmtp;
    /* The rest is private. */
    struct buf helo_text, sender_text, line, text;
    struct str word, rest;
    unsigned step;
    int commands;
    bool whole; /* `line` is one */
};

void dialogue_init(struct dialogue *d, const struct dialogue_rules *rules);
void dialogue_fini(struct dialogue *d);
/* `in` is what has been read, and advances.  Between NEED_INPUT and the next call nothing of it is needed. */
NODISCARD struct dialogue_event dialogue_next(struct dialogue *d, struct str *in);
/* Answer to DIALOGUE_LINE. */
void dialogue_replace(struct dialogue *d, struct str line);
/* TLS has begun: what was said before is forgotten. */
void dialogue_secured(struct dialogue *d);
/* "a@b": who sent the mail, or is to get it, as log lines have it. */
void dialogue_format_address(struct str argument, struct buf *out);
