#pragma once
/* smtp-client/transfer - one message over one session. */
#include "delivery/delivery.h"
#include "smtp-client/arguments.h"
#include "smtp-client/session.h"

enum transfer_verdict { RCPT_ASKED, RCPT_TAKEN, RCPT_REFUSED };

/* A recipient that this server is asked to take. */
struct transfer_rcpt {
    struct delivery_rcpt *rcpt;
    struct str path; /* external form */
    enum transfer_verdict verdict;
};

struct transfer {
    struct delivery *d;
    struct client_session *session;
    const struct client_arguments *arguments;
    bool more_servers; /* a temporary refusal is not final: another server will be tried */
    bool last;         /* the session ends with this message */
    enum requiretls requiretls;

    struct transfer_rcpt *rcpts; /* the unfinished ones, by transaction index */
    size_t count;

    struct fault fault; /* what to tell the recipients that stay unfinished */
    bool lost;          /* the connection is of no use any more */
};

/* Offer the message.  Finishes every recipient whose fate is decided; for the others t->fault is the
 * reason so far.  Call with d, session, arguments, more_servers, last and requiretls set. */
void transfer_run(struct transfer *t);
