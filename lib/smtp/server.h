#pragma once
/* smtp/server - the server's half of an SMTP dialogue, without sockets.
 *
 *     smtp_server_init(&s, &options);
 *     for (;;) {
 *         struct smtp_event ev = smtp_server_next(&s);
 *         switch (ev.kind) {
 *         case SMTP_NEED_INPUT:
 *             write out s.out, smtp_server_sent();
 *             read into smtp_server_room(), smtp_server_filled();
 *         case SMTP_FLUSH:
 *             write out s.out, smtp_server_sent();
 *         case SMTP_REFUSED:
 *             count, log, change, then smtp_server_answer(&s, ev.reply);
 *         case SMTP_MAIL:
 *             smtp_server_answer(&s, verdict on ev.mail);
 *         case SMTP_CLOSE:
 *             write out s.out and hang up;
 *         ...
 *
 * Bytes go in; smtp_server_next() says what they mean, one thing at a time; smtp_server_answer()
 * gives our verdict; bytes for the client collect in `out`.  Events marked (answer) below must be
 * answered before the next call.  Everything a client can do wrong in syntax or order arrives as
 * SMTP_REFUSED with the reply that is due, so that a driver sees the other events only where RFC
 * 5321 allows them; the driver still passes that reply on itself, because soft_bounce, footers,
 * delays and transcripts apply to it too.
 *
 * BDAT announces bytes that are no commands, whatever becomes of it: refused, replaced or answered
 * before it was parsed, its chunk is skipped and its transaction over; where nobody can tell how
 * long the chunk is, that answer is the last one.
 *
 * A transaction begins with an accepted MAIL and ends exactly once: with the answer to
 * SMTP_MESSAGE, or with SMTP_ABANDON (RSET, a new greeting, lost chunks ...), or with the
 * connection.
 *
 * Memory: `in` holds one read, `out` at most SMTP_OUT_MAX, the arena one command's strings.  All
 * strings of an event live until the next call of smtp_server_next(). */
#include "base/arena.h"
#include "base/buf.h"
#include "base/str.h"
#include "smtp/command.h"
#include "smtp/data.h"
#include "smtp/extension.h"
#include "smtp/path.h"
#include "smtp/reply.h"
#include "smtp/xattr.h"

enum smtp_event_kind {
    SMTP_NEED_INPUT, /* write out `out`, then feed more bytes */
    SMTP_FLUSH,      /* `out` is filling up: write it out, go on */
    SMTP_CLOSE,      /* write out `out`, then hang up; every later call says so again */

    SMTP_CONNECT, /* (answer) first event: the greeting.  421 and 521 close */
    /* The client sent `arg` before it may (RFC 2920): behind ev.command, which is yet to come as an
     * event of its own; CONNECT before the greeting.  No answer: go on with smtp_server_next(), or
     * smtp_server_close(). */
    SMTP_EARLY_INPUT,
    /* With options.watch_lines: `line` is about to be parsed.  Go on with smtp_server_next(), or
     * smtp_server_replace() it, or smtp_server_answer() it, which settles it as ev.command. */
    SMTP_LINE,
    SMTP_REFUSED, /* (answer) wrong syntax or order: `fault`, `reply` */
    /* (answer) unknown verb `arg`; `reply` is what is usual; `header_like`.  A forbidden command is
     * answered 221, then smtp_server_close() with no reply. */
    SMTP_UNKNOWN,
    SMTP_ABANDON, /* the transaction is void: forget it */

    SMTP_HELO, /* (answer) arg: the client's name */
    SMTP_EHLO, /* (answer) arg: the client's name; see smtp_server_ehlo_text() */
    SMTP_MAIL, /* (answer) mail */
    SMTP_RCPT, /* (answer) rcpt */
    SMTP_DATA, /* (answer) 354 starts the message */
    /* A chunk of `size` bytes begins, `first` and `last` tell which: go on with smtp_server_next(),
     * or smtp_server_answer() with a refusal, which skips the chunk and those behind it. */
    SMTP_BDAT,
    SMTP_TEXT,     /* arg: a line of message, or a part of a long one; ends_line */
    SMTP_CHUNK,    /* (answer) the chunk of `size` bytes is complete, more will follow */
    SMTP_MESSAGE,  /* (answer) the message is complete: accept it? `size`: of all chunks (BDAT) */
    SMTP_RSET,     /* (answer) SMTP_ABANDON came before if there was a transaction */
    SMTP_NOOP,     /* (answer) */
    SMTP_VRFY,     /* (answer) arg as typed, rcpt.path, rcpt.address; `smtputf8` */
    SMTP_ETRN,     /* (answer) arg: the domain or @domain or #queue */
    SMTP_HELP,     /* (answer) reply: the usual one */
    SMTP_QUIT,     /* (answer) reply: the usual one; the dialogue closes after any answer */
    SMTP_STARTTLS, /* (answer) 220: write out, shake hands, smtp_server_secured() */
    /* (answer) arg: mechanism, `initial` as it was given (absent: none).  334 asks for SMTP_AUTH_RESPONSE, 235 is
     * success. */
    SMTP_AUTH,
    /* (answer) arg: the client's line.  SMTP_REFUSED of SMTP_CMD_AUTH instead ends the exchange. */
    SMTP_AUTH_RESPONSE,
    SMTP_XCLIENT,  /* (answer) xattrs.  220 starts the session over: no greeting, no TLS change */
    SMTP_XFORWARD, /* (answer) xattrs */
};

enum smtp_fault {
    SMTP_FAULT_NONE,
    SMTP_FAULT_SYNTAX,
    SMTP_FAULT_ADDRESS, /* log: Illegal address syntax from N[A] in RCPT command: `arg` */
    SMTP_FAULT_NOTIFY, /* log: unknown DSN NOTIFY command value: `arg` is the word, absent when each
                          of them is known */
    SMTP_FAULT_ORDER,
    SMTP_FAULT_DENIED,     /* smtp_server_deny() */
    SMTP_FAULT_TLS,        /* STARTTLS must come first */
    SMTP_FAULT_OPTION,     /* unsupported parameter or extension */
    SMTP_FAULT_NO_COMMAND, /* a line of blanks; in no statistics */
    SMTP_FAULT_SIZE,       /* `mail` tells whose */
    SMTP_FAULT_TOO_LONG,   /* log: request longer than N: `line` */
    SMTP_FAULT_UTF8,
    SMTP_FAULT_BDAT,       /* log: malformed BDAT command syntax: `line` */
    SMTP_FAULT_NULL_CHUNK, /* log: null BDAT request */
    SMTP_FAULT_BIG_CHUNK,  /* log: BDAT request exceeds message size limit */
    SMTP_FAULT_BARE_LF, /* policy reject; `command` tells where (DATA and BDAT: in the content) */
    SMTP_FAULT_AUTH,    /* cancelled, or response too long */
};

struct smtp_event {
    enum smtp_event_kind kind;
    enum smtp_command command; /* what the client said; DATA or BDAT for content */
    struct str line;           /* the whole command line; absent for content */
    struct str arg;
    struct str initial;
    const struct smtp_mail *mail;
    const struct smtp_rcpt *rcpt;
    const struct smtp_xattrs *xattrs;
    struct smtp_reply reply;
    enum smtp_fault fault;
    int64_t size;
    bool first, last;
    bool ends_line;
    bool smtputf8;
    bool header_like; /* an unknown command that looks like a mail header */
    bool bare_lf; /* the command ended in a bare LF, or the content had one (policy note: log once)
                   */
};

/* The driver may change these between events (after STARTTLS, AUTH, XCLIENT). */
struct smtp_server_options {
    struct str hostname;                 /* for texts of ours */
    size_t line_limit;                   /* line_length_limit */
    size_t sasl_line_limit;              /* smtpd_sasl_response_limit */
    int64_t message_size_limit;          /* 0: none; for SIZE and BDAT */
    enum smtp_bare_newline bare_newline; /* of this client, exclusions applied */
    int bare_newline_code;               /* smtpd_forbid_bare_newline_reject_code */
    struct str verp_filter;              /* verp_delimiter_filter */
    size_t address_limit, value_limit;   /* what can be kept: see struct smtp_path_rules */

    /* What EHLO offers; also what commands and parameters are accepted. */
    bool pipelining, size, vrfy, etrn, starttls, auth, xclient, xforward, enhanced_codes, eightbit,
        dsn, smtputf8, requiretls, chunking, verp;
    bool ipv6; /* inet_protocols has it: for the addresses of XCLIENT and XFORWARD */
    bool hide_auth, hide_xclient, hide_xforward; /* not shown, but they work */
    struct str auth_mechanisms;                  /* "PLAIN LOGIN" */
    bool auth_old_style;                         /* broken_sasl_auth_clients */
    bool vrfy_disabled; /* 502 5.5.1 VRFY command is disabled (discarding the keyword leaves it
                           working) */
    bool etrn_disabled; /* 502 */

    bool helo_required;
    bool tls_required;     /* 530 until smtp_server_secured() */
    bool strict_addresses; /* strict_rfc821_envelopes */
    struct smtp_odd_domains odd_domains;
    bool strict_smtputf8; /* UTF-8 only in transactions that declared it */
    bool watch_lines;     /* SMTP_LINE events */
    bool no_help;         /* HELP is not recognised */
    unsigned junk_limit;  /* smtpd_junk_command_limit: what goes beyond counts as an error */
};

/* `commands` of the session: how often, and how often well. */
struct smtp_tally {
    unsigned total, ok;
};

#define SMTP_OUT_MAX (64UL * 1024)

/* Where the dialogue stands; each stage implies those before it. */
enum smtp_stage { SMTP_STAGE_NEW, SMTP_STAGE_GREETED, SMTP_STAGE_MAIL, SMTP_STAGE_RCPT };

/* The driver reads these books, and writes none but the options. */
struct smtp_server {
    struct smtp_server_options options;
    struct buf out;
    struct smtp_tally tally[SMTP_CMD_COUNT];
    unsigned errors; /* failed commands since the last accepted message */
    unsigned junk;   /* junk commands since then */
    bool esmtp;      /* greeted with EHLO */
    bool secured;
    bool authenticated;
    enum smtp_command last; /* last command the client gave, for "lost connection after X" */
    /* The rest is private. */
    struct smtp_server_state *state;
};

/* The options are copied; the strings in them must outlive the dialogue. */
void smtp_server_init(struct smtp_server *s, const struct smtp_server_options *options);
void smtp_server_fini(struct smtp_server *s);

/* Room for the next read: at least 4 KB, 64 KB while a message is coming in.  Input is added after
 * SMTP_NEED_INPUT or before the first event only: events borrow from it. */
char *smtp_server_room(struct smtp_server *s, size_t *size);
void smtp_server_filled(struct smtp_server *s, size_t n);
/* The same with a copy, for tests; any length. */
void smtp_server_feed(struct smtp_server *s, struct str bytes);
/* The bytes of `out` have been written. */
void smtp_server_sent(struct smtp_server *s);

NODISCARD struct smtp_event smtp_server_next(struct smtp_server *s);
void smtp_server_answer(struct smtp_server *s, struct smtp_reply reply);
/* The same, but a refusal is not held against the client: in the statistics it is a success. */
void smtp_server_answer_mildly(struct smtp_server *s, struct smtp_reply reply);

/* Say `reply` (code 0: nothing) and close, whatever is going on: timeouts, too many errors, a connection
 * that is gone.  Content that is cut short counts as failed. */
void smtp_server_close(struct smtp_server *s, struct smtp_reply reply);
/* The same because of the command under way, which counts as failed. */
void smtp_server_break_off(struct smtp_server *s, struct smtp_reply reply);
/* The client has logged in by other means than AUTH (XCLIENT LOGIN=), or is logged in no more. */
void smtp_server_log_in(struct smtp_server *s, bool authenticated);
/* The client has been refused for good: every command but QUIT is REFUSED with `reply`, whose text
 * must outlive the dialogue ("5.7.0 Error: access denied for N[A]"). */
void smtp_server_deny(struct smtp_server *s, struct smtp_reply reply);
/* Somebody else (XCLIENT HELO=) has said HELO, or EHLO, for the client. */
void smtp_server_introduced(struct smtp_server *s, bool esmtp);
/* Answer to an SMTP_LINE event: parse this instead. */
void smtp_server_replace(struct smtp_server *s, struct str line);
/* Do not offer these (bits 1 << enum smtp_extension), nor accept them where only an EHLO reply makes them known. */
void smtp_server_discard(struct smtp_server_options *o, unsigned extensions);
/* The TLS handshake succeeded: forget what came before, plaintext input included (RFC 3207). */
void smtp_server_secured(struct smtp_server *s);
/* It failed: STARTTLS was no success after all, and the dialogue is over. */
void smtp_server_not_secured(struct smtp_server *s);

/* For tests.  Is there a transaction, has it a recipient, is a message coming in? */
enum smtp_stage smtp_server_stage(const struct smtp_server *s);
bool smtp_server_in_content(const struct smtp_server *s);
/* Is input waiting that would give another event without reading? */
bool smtp_server_has_input(const struct smtp_server *s);

/* Text of the EHLO reply as the options have it, in the order clients know: hostname first. */
void smtp_server_ehlo_text(const struct smtp_server *s, struct buf *out);
/* ` ehlo=1 mail=2/3 commands=3/4`: the end of the disconnect line. */
void smtp_server_format_tally(const struct smtp_server *s, struct buf *out);
