#pragma once
/* client/tlsmgr_side - the connection to tlsmgr(8), which tlsmgr.c, tlsmgr_tickets.c and tlsmgr_signer.c share. */
#include "base/buf.h"
#include "ipc/channel.h"

extern struct tlsmgr_side {
    struct channel channel;
    bool holds_keys; /* tlsmgr does, for this connection */
    bool lost_keys;
} tlsmgr_side;

bool tlsmgr_connect(void);
void tlsmgr_hang_up(void);
/* `answer` NULL: there is none; else it lives until the next question. */
bool tlsmgr_exchange(char kind, struct str body, struct str *answer);
/* The same with one more try on a fresh connection: tlsmgr may have been restarted, or be about to. */
bool tlsmgr_ask(char kind, struct str body, struct str *answer);
/* A clone has a new connection: hand over the keys of its template. */
void tlsmgr_hand_over_again(void);
