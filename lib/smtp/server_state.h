#pragma once
/* The inside of smtp/server, shared by its files; nobody else includes this. */
#include "smtp/server.h"

enum smtp_mode {
    SMTP_MODE_CONNECT, /* the greeting is to come */
    SMTP_MODE_COMMAND,
    SMTP_MODE_AUTH,  /* lines of a SASL exchange */
    SMTP_MODE_TEXT,  /* DATA */
    SMTP_MODE_CHUNK, /* BDAT */
    SMTP_MODE_TLS,   /* 220 to STARTTLS given: waiting for smtp_server_secured() */
    SMTP_MODE_CLOSED,
};

/* What a command line says will come behind it.  Whatever becomes of the command, these bytes are no
 * commands: they are taken as content, or skipped, or the dialogue ends. */
struct smtp_payload {
    enum { SMTP_PAYLOAD_NONE, SMTP_PAYLOAD_COUNTED, SMTP_PAYLOAD_UNKNOWN } kind;
    int64_t size;
    bool last; /* BDAT LAST */
};

enum smtp_transaction_stage { SMTP_NO_TRANSACTION, SMTP_HAS_SENDER, SMTP_HAS_RECIPIENT };

struct smtp_server_state {
    enum smtp_mode mode;
    bool greeted;
    enum smtp_transaction_stage transaction;
    bool utf8; /* the transaction declared SMTPUTF8 */

    /* Input: unread bytes are in[start..]. */
    struct buf in;
    size_t start;
    bool skipping_line; /* the rest of an overlong line */
    int64_t unwanted;   /* bytes of a payload that go by before anything else is read */

    /* The event that awaits an answer; `optional`: smtp_server_next() is an answer too. */
    bool asked, optional;
    bool uncounted; /* in no statistics, as if nothing had come */
    enum smtp_event_kind asked_kind;
    enum smtp_command asked_command;

    /* The command line under way: it may give a LINE, EARLY_INPUT or ABANDON event before its own.
     */
    bool have_line, shown, early_told;
    struct str line;
    bool line_bare_lf;
    struct smtp_payload payload; /* nobody has taken it yet */
    struct buf replaced;
    bool have_held; /* `held` comes after the ABANDON just given */
    struct smtp_event held;
    bool abandon_due;

    /* Content. */
    struct smtp_decoder decoder;
    struct buf carry; /* an unfinished line at the end of a chunk */
    bool carry_used;  /* the last event's text lies in its first `carry_taken` bytes */
    size_t carry_taken;
    bool bdat;        /* chunks of this transaction have begun */
    bool bdat_failed; /* chunks are skipped until the last one */
    bool bdat_lost;   /* and the transaction that they belong to is gone, unknown to the client */
    bool content_refused; /* bare LF at the end of content */
    int64_t chunk_size, chunk_left, total;
    bool chunk_last;

    bool
        unreadable; /* nobody knows where the next command begins: the answer under way is the last */
    bool denied;
    struct smtp_reply denial;

    struct arena scratch; /* strings of the current event */
    struct smtp_mail mail;
    struct smtp_rcpt rcpt;
    struct smtp_xattrs xattrs;
};

static inline struct str smtp_server_unread(const struct smtp_server_state *st)
{
    return str_skip(buf_str(&st->in), st->start);
}

/* Events; those with an answer note that they are asked. */
struct smtp_event smtp_event_ask(struct smtp_server *s, enum smtp_event_kind kind,
                                 enum smtp_command command);
struct smtp_event smtp_event_refuse(struct smtp_server *s, enum smtp_command command,
                                    enum smtp_fault fault, int code, struct str text);
/* `text` built from parts lies in the arena. */
struct str smtp_event_text(struct smtp_server *s, struct str a, struct str b, struct str c);
/* If a transaction is open: ABANDON now, `ev` with the next call. */
struct smtp_event smtp_event_after_abandon(struct smtp_server *s, struct smtp_event ev);

/* The command in st->line. */
struct smtp_event smtp_command_run(struct smtp_server *s);
struct smtp_event smtp_auth_line(struct smtp_server *s);

/* The next event of content; false if more input is needed. */
bool smtp_content_next(struct smtp_server *s, struct smtp_event *ev);
/* DATA or BDAT, whichever brings the content under way. */
enum smtp_command smtp_content_command(const struct smtp_server_state *st);
void smtp_content_begin_data(struct smtp_server *s);
/* What a line announces; `cut`: there was more of it, which nobody has read. */
struct smtp_payload smtp_payload_of(struct str line, bool cut);
/* BDAT: takes the payload if the chunk is welcome. */
struct smtp_event smtp_content_begin_chunk(struct smtp_server *s);
/* Nobody took the payload. */
void smtp_content_drop_payload(struct smtp_server_state *st);
/* The driver refused the chunk or its end. */
void smtp_content_fail_chunk(struct smtp_server *s);
bool smtp_content_skip(struct smtp_server *s); /* false: more input is needed */

/* Forget sender and recipients. */
void smtp_transaction_forget(struct smtp_server_state *st);
