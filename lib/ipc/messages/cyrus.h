#pragma once
/* cyrus(8) over private/cyrus-SERVICE: one login of one client at a time.
 *
 *   client 'M' cyrus_session                      server 'L' cyrus_list
 *   client 'B' cyrus_session, then cyrus_begin    server 'V' cyrus_verdict
 *   client 'R' cyrus_response                     server 'V' cyrus_verdict, as long as it is a challenge */
#include "ipc/schema.h"

#define CYRUS_MECHANISMS 'M'
#define CYRUS_LIST       'L'
#define CYRUS_BEGIN      'B'
#define CYRUS_RESPONSE   'R'
#define CYRUS_VERDICT    'V'

/* A session begins with this: which mechanisms may be used (enum sasl_property), and the two ends as "ADDRESS;PORT" or
 * empty. */
#define CYRUS_SESSION_FIELDS(FIELD)    \
    FIELD(INT, forbidden, "forbidden") \
    FIELD(INT, required, "required")   \
    FIELD(STR, local, "local")         \
    FIELD(STR, remote, "remote")
IPC_MESSAGE(cyrus_session, CYRUS_SESSION_FIELDS)

/* Names, each followed by a blank; none when nothing can be offered, which the server has logged. */
#define CYRUS_LIST_FIELDS(FIELD) FIELD(STR, mechanisms, "mechanisms")
IPC_MESSAGE(cyrus_list, CYRUS_LIST_FIELDS)

#define CYRUS_BEGIN_FIELDS(FIELD)          \
    FIELD(STR, mechanism, "mechanism")     \
    FIELD(INT, has_initial, "has_initial") \
    FIELD(STR, initial, "initial") /* base64 as the client sent it */
IPC_MESSAGE(cyrus_begin, CYRUS_BEGIN_FIELDS)

#define CYRUS_RESPONSE_FIELDS(FIELD) FIELD(STR, response, "response") /* base64 */
IPC_MESSAGE(cyrus_response, CYRUS_RESPONSE_FIELDS)

enum cyrus_kind { CYRUS_CHALLENGE, CYRUS_SUCCESS, CYRUS_FAILURE, CYRUS_TEMPORARY };

#define CYRUS_VERDICT_FIELDS(FIELD)                              \
    FIELD(INT, kind, "kind") /* enum cyrus_kind */               \
    FIELD(STR, text, "text") /* a challenge in base64, or why */ \
    FIELD(STR, user, "user") /* empty where nobody knows */      \
    FIELD(STR, said, "said") /* lines for the log */
IPC_MESSAGE(cyrus_verdict, CYRUS_VERDICT_FIELDS)
