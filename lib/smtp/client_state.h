#pragma once
/* The inside of smtp/client, shared by its files; nobody else includes this. */
#include "smtp/client.h"

/* A command that awaits its reply. */
struct smtp_pending {
    enum smtp_step step;
    size_t recipient;
    size_t bytes; /* of the command, for the window */
};

enum smtp_client_mode {
    SMTP_CMODE_GREETING,
    SMTP_CMODE_HELLO, /* say EHLO, HELO or LHLO next */
    SMTP_CMODE_HELLO_SENT,
    SMTP_CMODE_READY,
    SMTP_CMODE_STARTTLS,
    SMTP_CMODE_AUTH,
    SMTP_CMODE_AUTH_ASKED, /* 334 was given: the driver responds */
    SMTP_CMODE_TRANSACTION,
    SMTP_CMODE_BODY, /* the driver sends content */
    SMTP_CMODE_RSET,
    SMTP_CMODE_REFUSED,
    SMTP_CMODE_QUIT,
    SMTP_CMODE_CLOSED,
};

struct smtp_client_state {
    enum smtp_client_mode mode;
    struct buf in;
    size_t start;
    struct smtp_reply_reader reader;
    bool broken; /* the server sends what is no reply */

    struct smtp_pending *pending; /* a ring */
    size_t pending_head, pending_count, pending_size;
    size_t pending_bytes;

    bool esmtp_announced;
    bool hello_plain; /* EHLO was refused: HELO */

    /* The transaction. */
    const struct smtp_transaction *t;
    enum {
        SMTP_SEND_RSET,
        SMTP_SEND_WHERE, /* XFORWARD, the client's name and address */
        SMTP_SEND_HOW,   /* XFORWARD, the rest */
        SMTP_SEND_MAIL,
        SMTP_SEND_RCPT,
        SMTP_SEND_DATA,
        SMTP_SEND_NOTHING,
    } next_command;
    size_t next_recipient;
    bool mail_refused;
    size_t accepted; /* recipients */
    bool data_granted, content_sent;
    bool quit_sent;
    struct smtp_encoder encoder;
    /* LMTP: which recipients the replies to the content are about. */
    size_t *accepted_list;
    size_t accepted_size;
};

void smtp_client_queue(struct smtp_client *c, enum smtp_step step, size_t recipient, size_t bytes);
/* Append `line` and CR LF to the output and await its reply. */
void smtp_client_command(struct smtp_client *c, enum smtp_step step, size_t recipient,
                         struct str line);
void smtp_client_note(const struct smtp_client *c, enum smtp_note note, struct str text);
bool smtp_client_window_full(const struct smtp_client *c);

/* Next commands of the transaction, as far as the window and the server's replies allow. */
void smtp_transaction_send(struct smtp_client *c);
/* A reply to a command of the transaction; false if there is nothing to tell the driver. */
bool smtp_transaction_reply(struct smtp_client *c, const struct smtp_pending *p,
                            const struct smtp_answer *answer, struct smtp_client_event *ev);
/* The content is out: what else may go with it. */
void smtp_transaction_sent(struct smtp_client *c);
/* Nothing is pending: what the transaction does next.  False: commands remain to be sent. */
bool smtp_transaction_next(struct smtp_client *c, struct smtp_client_event *ev);

void smtp_offer_parse(struct smtp_client *c, struct str reply);
