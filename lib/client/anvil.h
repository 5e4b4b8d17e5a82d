#pragma once
/* client/anvil - ask anvil(8) to count what clients do.
 *
 * The protocol is public (attribute lists over private/anvil): request, ident = SERVICE:ADDRESS; the answer has
 * status, count (simultaneous connections, for connect) and rate (events in this time unit). */
#include "base/str.h"
#include "os/link.h"

enum anvil_event {
    ANVIL_CONNECT,
    ANVIL_DISCONNECT,
    ANVIL_MESSAGE,
    ANVIL_RECIPIENT,
    ANVIL_NEWTLS,
    ANVIL_NEWTLS_STATUS, /* only ask: nothing is counted */
    ANVIL_AUTH,
    ANVIL_LOGIN_MESSAGE, /* of one login, wherever it comes from: the address is its name */
    ANVIL_LOGIN_RECIPIENT,
};

struct anvil_client {
    struct link link; /* fd -1: not connected */
};
#define ANVIL_CLIENT_INIT ((struct anvil_client){ .link = LINK_NONE })

struct anvil_answer {
    int count; /* connect only */
    int rate;
};

/* False when anvil cannot be asked: then nobody is limited (and a warning was logged). */
NODISCARD bool anvil_report(struct anvil_client *c, enum anvil_event event, struct str service,
                            struct str address, struct anvil_answer *answer);
void anvil_close(struct anvil_client *c);
