#pragma once
/* connector(8) over private/connector: connections for processes whose jail lets them make none.
 *
 * A channel is opened by a process that is still root (SO_PEERCRED); nobody else is served.
 *
 *   client 'N' connector_name      as often as it likes, before the list is closed; no answer
 *   client 'L' empty               the list is closed; nothing can be added to it any more
 *   client 'C' connector_request   one at a time; the answer is one byte that brings the connected descriptor, or
 *                                  one byte without any and then
 *   server 'A' connector_refusal */
#include "ipc/schema.h"

#define CONNECTOR_NAME    'N'
#define CONNECTOR_CLOSE   'L'
#define CONNECTOR_REQUEST 'C'
#define CONNECTOR_REFUSAL 'A'

#define CONNECTOR_ENTRIES_MAX  64  /* of one list */
#define CONNECTOR_ENDPOINT_MAX 512 /* bytes */
#define CONNECTOR_WAIT_MAX_S   600

/* "unix:path" (relative to the queue directory) or "inet:host:port". */
#define CONNECTOR_NAME_FIELDS(FIELD) FIELD(STR, endpoint, "endpoint")
IPC_MESSAGE(connector_name, CONNECTOR_NAME_FIELDS)

#define CONNECTOR_REQUEST_FIELDS(FIELD)                  \
    FIELD(INT, entry, "entry") /* 0 is the first name */ \
    FIELD(INT, wait_s, "wait") /* how long the server may try */
IPC_MESSAGE(connector_request, CONNECTOR_REQUEST_FIELDS)

#define CONNECTOR_REFUSAL_FIELDS(FIELD)       \
    FIELD(INT, error, "error") /* an errno */ \
    FIELD(STR, text, "text")   /* for people */
IPC_MESSAGE(connector_refusal, CONNECTOR_REFUSAL_FIELDS)
