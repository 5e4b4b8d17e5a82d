#pragma once
/* smtp-client/transfer - one message over one session. */
#include "delivery/delivery.h"
#include "smtp-client/session.h"

enum transfer_verdict { RCPT_ASKED, RCPT_TAKEN, RCPT_REFUSED };

/* Recipients of the request that this server is asked to take. */
struct transfer {
    struct delivery *d;
    struct client_session *session;
    bool more_servers; /* a temporary refusal is not final: another server will be tried */

    struct delivery_rcpt **rcpts; /* unfinished ones, by transaction index */
    size_t count;
    struct str *paths; /* their external forms */
    enum transfer_verdict *verdicts;

    struct fault fault; /* what to tell the recipients that stay unfinished */
    bool lost;          /* the connection is of no use any more */
};

/* Offer the message.  Finishes every recipient whose fate is decided; for the others t->fault is the
 * reason so far.  Call with d, session and more_servers set. */
void transfer_run(struct transfer *t);
