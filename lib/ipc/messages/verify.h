#pragma once
/* verify(8) over private/verify: what is known about the deliverability of an address.
 *
 * One frame from the client, one answer; a connection may carry several.
 *   'Q' verify_query    server 'A' verify_answer   (smtpd: starts a probe when nothing fresh is known)
 *   'U' verify_update   server 'A' verify_answer   (delivery agents: the outcome of a probe) */
#include "ipc/schema.h"

#define VERIFY_QUERY  'Q'
#define VERIFY_UPDATE 'U'
#define VERIFY_ANSWER 'A'

/* The numbers also stand in address_verify_map. */
enum verify_status {
    VERIFY_OK = 0,
    VERIFY_DEFER = 1,
    VERIFY_BOUNCE = 2,
    VERIFY_TODO = 3, /* a probe is under way */
};

#define VERIFY_QUERY_FIELDS(FIELD) FIELD(STR, address, "address")
IPC_MESSAGE(verify_query, VERIFY_QUERY_FIELDS)

#define VERIFY_UPDATE_FIELDS(FIELD)                                          \
    FIELD(STR, address, "address")                                           \
    FIELD(INT, status, "status") /* enum verify_status, never VERIFY_TODO */ \
    FIELD(STR, text, "text")
IPC_MESSAGE(verify_update, VERIFY_UPDATE_FIELDS)

#define VERIFY_ANSWER_FIELDS(FIELD)                                \
    FIELD(INT, result, "result") /* 0: done, 1: try again later */ \
    FIELD(INT, status, "status")                                   \
    FIELD(STR, text, "text")
IPC_MESSAGE(verify_answer, VERIFY_ANSWER_FIELDS)
