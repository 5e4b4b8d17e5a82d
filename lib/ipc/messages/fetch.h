#pragma once
/* webfetch(8) over private/webfetch: one request a connection.
 *
 *   client 'G' fetch_request      server 'A' fetch_answer */
#include "ipc/schema.h"

#define FETCH_REQUEST 'G'
#define FETCH_ANSWER  'A'

#define FETCH_CONTENT_MAX 65536UL

/* A form that is empty makes the request a GET, another a POST. */
#define FETCH_REQUEST_FIELDS(FIELD)       \
    FIELD(STR, url, "url") /* https:// */ \
    FIELD(STR, form, "form")              \
    FIELD(INT, wait_s, "wait") /* how long all may take */
IPC_MESSAGE(fetch_request, FETCH_REQUEST_FIELDS)

#define FETCH_ANSWER_FIELDS(FIELD)                                               \
    FIELD(INT, status, "status")       /* of HTTP; 0: there was no answer */     \
    FIELD(INT, untrusted, "untrusted") /* because of the server's certificate */ \
    FIELD(STR, type, "type")           /* Content-Type, in lower case */         \
    FIELD(STR, content, "content")                                               \
    FIELD(STR, why, "why") /* there was no answer, for people */
IPC_MESSAGE(fetch_answer, FETCH_ANSWER_FIELDS)
