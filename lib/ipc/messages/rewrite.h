#pragma once
/* trivial-rewrite(8) over private/rewrite: a thin service over lib/rewrite, for tables that need the network.
 *
 *   'W' rewrite_request   server 'w' rewrite_reply
 *   'R' resolve_request   server 'r' resolve_reply */
#include "ipc/schema.h"

#define REWRITE_REQUEST_FIELDS(FIELD)                   \
    FIELD(STR, context, "context") /* local | remote */ \
    FIELD(STR, address, "address") /* internal form */
IPC_MESSAGE(rewrite_request, REWRITE_REQUEST_FIELDS)

#define REWRITE_REPLY_FIELDS(FIELD)                      \
    FIELD(INT, status, "status") /* 0 ok, 1 try again */ \
    FIELD(STR, address, "address")
IPC_MESSAGE(rewrite_reply, REWRITE_REPLY_FIELDS)

#define RESOLVE_REQUEST_FIELDS(FIELD) \
    FIELD(STR, sender, "sender")      \
    FIELD(STR, address, "address")
IPC_MESSAGE(resolve_request, RESOLVE_REQUEST_FIELDS)

#define RESOLVE_REPLY_FIELDS(FIELD)    \
    FIELD(INT, status, "status")       \
    FIELD(STR, transport, "transport") \
    FIELD(STR, nexthop, "nexthop")     \
    FIELD(STR, recipient, "recipient") \
    FIELD(INT, flags, "flags")
IPC_MESSAGE(resolve_reply, RESOLVE_REPLY_FIELDS)
