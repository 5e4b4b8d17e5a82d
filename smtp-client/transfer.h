#pragma once
/* smtp-client/transfer - one message over one session. */
#include "delivery/delivery.h"
#include "smtp-client/session.h"

/* Recipients of the request that this server is asked to take. */
struct transfer {
    struct delivery *d;
    struct client_session *session;
    struct delivery_rcpt **rcpts; /* unfinished ones, by transaction index */
    size_t count;
    enum { RCPT_ASKED, RCPT_TAKEN, RCPT_REFUSED } *verdicts;
    bool more_servers; /* a temporary refusal is not final: another server will be tried */
    struct session_fault fault; /* what to tell the recipients that stay unfinished */
    bool lost;                  /* the connection is of no use any more */
    size_t taken;
};

/* Offer the message.  Finishes every recipient whose fate is decided; the others keep t->fault as the reason so far. */
void transfer_run(struct transfer *t);
