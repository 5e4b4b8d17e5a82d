#pragma once
/* tlsproxy(8) over private/tlsproxy: TLS with a client of postscreen(8).
 *
 *   client 'Q' tlsproxy_request
 *   server 'A' tlsproxy_answer
 *   client one byte with the client's descriptor, if the answer was yes; from then on both ends send what is said in plain */
#include "ipc/schema.h"

#define TLSPROXY_REQUEST 'Q'
#define TLSPROXY_ANSWER  'A'

#define TLSPROXY_REQUEST_FIELDS(FIELD)                                                             \
    FIELD(STR, peer, "remote_endpoint") /* [A]:P, for log lines */                                 \
    FIELD(STR, service, "service")      /* in whose name, for the log */                           \
    FIELD(STR, door, "endpoint") /* the client's service in master.cf: what is set there counts */ \
    FIELD(INT, timeout_s, "timeout") /* of the handshake */
IPC_MESSAGE(tlsproxy_request, TLSPROXY_REQUEST_FIELDS)

#define TLSPROXY_ANSWER_FIELDS(FIELD) FIELD(INT, ready, "status") /* 1: yes */
IPC_MESSAGE(tlsproxy_answer, TLSPROXY_ANSWER_FIELDS)
