#pragma once
/* smtp/client - the client's half of an SMTP or LMTP dialogue, without sockets.
 *
 *     smtp_client_init(&c, &options);
 *     for (;;) {
 *         struct smtp_client_event ev = smtp_client_next(&c);
 *         switch (ev.kind) {
 *         case SMTP_CLIENT_NEED_INPUT:
 *             write c.out, smtp_client_sent(); read into smtp_client_room(), smtp_client_filled();
 *             (the deadline belongs to ev.step; the text on failure is smtp_step_doing(ev.step))
 *         case SMTP_CLIENT_FLUSH:
 *             write c.out, smtp_client_sent();
 *         case SMTP_CLIENT_GREETING:
 *             look at the banner; next() then says EHLO by itself
 *         case SMTP_CLIENT_READY:
 *             STARTTLS, AUTH, a transaction, or QUIT
 *         case SMTP_CLIENT_MAIL, SMTP_CLIENT_RCPT:
 *             note the verdicts
 *         case SMTP_CLIENT_SEND:
 *             smtp_client_write() line by line, then smtp_client_end()
 *         case SMTP_CLIENT_ACCEPTED:
 *             the verdict on the content
 *         ...
 *
 * The core decides what is sent when: EHLO, then HELO if that is refused; MAIL, RCPTs and DATA in
 * one go if the server has PIPELINING, one after the other otherwise; the empty message that must
 * follow when DATA was granted with no recipient left; RSET before a transaction if the one before
 * was left half done.  The driver decides what to do next when the session is READY, and what
 * replies mean for recipients. */
#include "base/buf.h"
#include "base/str.h"
#include "smtp/data.h"
#include "smtp/extension.h"
#include "smtp/path.h"
#include "smtp/reply.h"

/* What we wait for or send.  The texts of status=... come from it. */
enum smtp_step {
    SMTP_STEP_GREETING,
    SMTP_STEP_EHLO,
    SMTP_STEP_HELO,
    SMTP_STEP_LHLO,
    SMTP_STEP_STARTTLS,
    SMTP_STEP_AUTH,
    SMTP_STEP_XFORWARD_NAME_ADDR,
    SMTP_STEP_XFORWARD_PROTO_HELO,
    SMTP_STEP_MAIL,
    SMTP_STEP_RCPT,
    SMTP_STEP_DATA,
    SMTP_STEP_BODY, /* sending content */
    SMTP_STEP_DOT,  /* end of data sent */
    SMTP_STEP_RSET,
    SMTP_STEP_RSET_PROBE, /* is this idle connection alive? */
    SMTP_STEP_QUIT,
    SMTP_STEP_COUNT,
};
/* "sending MAIL FROM": for `lost connection with N[A] while ...`. */
struct str smtp_step_doing(enum smtp_step step);
/* "MAIL FROM command": for `host N[A] said: ... (in reply to ...)`. */
struct str smtp_step_command(enum smtp_step step);

enum smtp_offer_bit {
#define SMTP_EXTENSION(name, ...) SMTP_EXT_##name = 1 << SMTP_EXTENSION_##name,
#include "smtp/extensions.def"
#undef SMTP_EXTENSION
    SMTP_EXT_ESMTP = 1 << SMTP_EXTENSION_COUNT, /* EHLO or LHLO was accepted */
};

/* What the server's EHLO reply says. */
struct smtp_offer {
    unsigned extensions; /* enum smtp_offer_bit, without the discarded ones */
    int64_t size_limit;  /* 0: none named */
    bool bad_size;       /* noted: a reply has room for many */
    unsigned xforward;   /* bits 1 << enum smtp_xattr */
    struct buf auth;     /* mechanisms, blank separated */
};

enum smtp_client_event_kind {
    SMTP_CLIENT_NEED_INPUT,
    SMTP_CLIENT_FLUSH,
    SMTP_CLIENT_CLOSE, /* QUIT has been answered: close the connection */
    SMTP_CLIENT_BAD,   /* the server sends nonsense without end: close; `step` */

    SMTP_CLIENT_GREETING, /* answer: 2xx.  May change options (PIX), or smtp_client_quit() */
    /* Greeting or EHLO/HELO refused: `step`, `answer`.  smtp_client_quit() or close. */
    SMTP_CLIENT_REFUSED,
    SMTP_CLIENT_READY, /* `offer` is valid.  Call one of starttls, auth, begin, rset, quit */

    /* answer: 220: shake hands, smtp_client_secured(); otherwise next() gives READY */
    SMTP_CLIENT_STARTTLS,
    SMTP_CLIENT_AUTH, /* answer: 334: smtp_client_auth_respond(); otherwise next() gives READY */
    SMTP_CLIENT_RSET, /* answer to smtp_client_rset(), or to the RSET in front of QUIT */

    SMTP_CLIENT_XFORWARD, /* answer: for the log only, mail goes on whatever it is */
    SMTP_CLIENT_MAIL,     /* answer.  After a refusal no RCPT or DATA event follows, only DONE */
    SMTP_CLIENT_RCPT,     /* answer, recipient */
    /* answer: DATA was refused although recipients were accepted.  A probe_data transaction gets it
     * also for 354, and must then close the connection: the way back is a message. */
    SMTP_CLIENT_DATA,
    SMTP_CLIENT_SEND, /* send the content now */
    /* Answer to the content.  SMTP: one for all accepted recipients; LMTP: one for each. */
    SMTP_CLIENT_ACCEPTED,
    SMTP_CLIENT_DONE, /* the transaction is over; then READY */
};

struct smtp_client_event {
    enum smtp_client_event_kind kind;
    enum smtp_step step;
    struct smtp_answer answer; /* valid until the next call */
    size_t recipient;          /* index into the transaction's recipients */
};

struct smtp_client_options {
    bool lmtp;              /* LHLO, one reply for each recipient at the end */
    bool never_esmtp;       /* HELO only (smtp_never_send_ehlo, PIX disable_esmtp) */
    bool ehlo_if_announced; /* smtp_always_send_ehlo = no: EHLO only if the banner says ESMTP */
    struct str helo_name;
    unsigned discard;        /* enum smtp_extension: ignore these offers */
    size_t reply_line_limit; /* line_length_limit */
    size_t window;     /* most command bytes without a reply, at most a send buffer; 0: 4096 */
    size_t line_limit; /* smtp_line_length_limit */
    /* smtp_reply_filter, and who wants to know what goes on: as in struct smtp_reply_reader. */
    bool (*filter)(void *context, struct str line, struct buf *out);
    smtp_note_fn *note;
    void *context;
};

/* One transaction, in the words of the queue file; borrowed until SMTP_CLIENT_DONE.  The core
 * leaves out what the server does not offer; whether it may be left out is the driver's concern. */
struct smtp_transaction {
    struct str sender; /* external form, empty for <> */
    int64_t size;      /* bytes for SIZE=, -1: do not say */
    enum smtp_body body;
    bool smtputf8;
    bool requiretls;
    struct str envid; /* decoded; absent: none */
    enum dsn_ret ret;
    bool auth;                          /* send AUTH=<> (smtp_send_dummy_mail_auth) */
    const struct smtp_forward *forward; /* NULL: no XFORWARD */
    /* Recipient by index; called once or more for each while commands are sent. */
    size_t recipients;
    /* Uses path (external form), notify, orcpt. */
    struct smtp_rcpt (*recipient)(void *context, size_t index);
    void *context;
    bool probe; /* address verification: stop after RCPT, or after DATA with probe_data */
    bool probe_data;
    bool last; /* nothing follows: QUIT may go with the end of the content */
};

/* Original client for XFORWARD; what is empty is not sent. */
struct smtp_forward {
    struct str name, addr, port, proto, helo, ident, source;
};

struct smtp_client_state;
struct smtp_client {
    struct smtp_client_options options;
    struct buf out;
    struct smtp_offer offer;
    bool secured;
    bool authenticated;
    bool closing;   /* 421, or left inside of a message: do not reuse the connection */
    bool half_done; /* the server is inside of a transaction: RSET comes before anything else */
    unsigned transactions;
    struct buf server_name; /* first word of the reply to EHLO, HELO or LHLO */
    struct smtp_client_state *state;
};

/* Strings in the options must outlive the client.  The first event waits for the greeting. */
void smtp_client_init(struct smtp_client *c, const struct smtp_client_options *options);
/* Not called yet.  A connection that is already in session (connection cache): READY is the first event. */
void smtp_client_resume(struct smtp_client *c, const struct smtp_client_options *options,
                        const struct smtp_offer *offer);
void smtp_client_fini(struct smtp_client *c);

char *smtp_client_room(struct smtp_client *c, size_t *size);
void smtp_client_filled(struct smtp_client *c, size_t n);
/* For tests. */
void smtp_client_feed(struct smtp_client *c, struct str bytes);
void smtp_client_sent(struct smtp_client *c);

NODISCARD struct smtp_client_event smtp_client_next(struct smtp_client *c);

/* When READY, as the others up to smtp_client_rset(). */
void smtp_client_starttls(struct smtp_client *c);
/* `initial`: the first response in base64; absent: none. */
void smtp_client_auth(struct smtp_client *c, struct str mechanism, struct str initial);
void smtp_client_begin(struct smtp_client *c, const struct smtp_transaction *t);
/* Not called yet. */
void smtp_client_rset(struct smtp_client *c, bool probe);
/* When READY or REFUSED; also during a transaction that cannot go on before content was sent. */
void smtp_client_quit(struct smtp_client *c);
/* Is the answer to QUIT all that is still to come? */
bool smtp_client_is_leaving(const struct smtp_client *c);

/* After 220 to STARTTLS and the handshake: the session starts again with EHLO; early plaintext is
 * dropped. */
void smtp_client_secured(struct smtp_client *c);
void smtp_client_auth_respond(struct smtp_client *c, struct str base64);
/* Cancel the exchange: `*`. */
void smtp_client_auth_cancel(struct smtp_client *c);

/* After SMTP_CLIENT_SEND: content, one piece after the other.  True when `out` should be written
 * now (and smtp_client_sent() called) before more is added. */
NODISCARD bool smtp_client_write(struct smtp_client *c, struct str piece, bool ends_line);
/* The content is complete: final dot, or BDAT LAST's end. */
void smtp_client_end(struct smtp_client *c);
/* Has the server spoken before the end of the content (421, most often)?  Feed first. */
bool smtp_client_has_reply(const struct smtp_client *c);
/* That reply, while content is being sent; false if it is not complete.  The session is out of step then:
 * send nothing more, whatever the reply says. */
NODISCARD bool smtp_client_early_reply(struct smtp_client *c, struct smtp_answer *answer);
/* What the core is waiting for or doing, for errors of the connection. */
enum smtp_step smtp_client_step(const struct smtp_client *c);
