#pragma once
/* dnsblog(8) over private/dnsblog: is a client on a DNS list?
 *
 *   client 'Q' dnsblog_question   one a connection
 *   server 'A' dnsblog_answer     when the name servers have answered, or given up */
#include "ipc/schema.h"

#define DNSBLOG_QUESTION 'Q'
#define DNSBLOG_ANSWER   'A'

#define DNSBLOG_QUESTION_FIELDS(FIELD) \
    FIELD(STR, domain, "rbl_domain")   \
    FIELD(STR, address, "client_address")
IPC_MESSAGE(dnsblog_question, DNSBLOG_QUESTION_FIELDS)

#define DNSBLOG_ANSWER_FIELDS(FIELD)                                                           \
    FIELD(STR, addresses, "rbl_addr") /* what the list says, blanks between; empty: nothing */ \
    FIELD(LONG, ttl, "ttl")           /* seconds that this may be remembered; -1: nobody knows */
IPC_MESSAGE(dnsblog_answer, DNSBLOG_ANSWER_FIELDS)
