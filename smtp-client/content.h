#pragma once
#include "delivery/delivery.h"
#include "smtp-client/session.h"

enum content_result {
    CONTENT_SENT,     /* end of data included; the reply is due */
    CONTENT_LOST,     /* the connection failed: errno */
    CONTENT_ANSWERED, /* the server has spoken before the end: smtp_client_early_reply() */
    CONTENT_DAMAGED,  /* the queue file cannot be read, or a lookup failed (logged) */
};

/* Send the content of the request's message, `headers` (LF behind each line) in front.  After anything but CONTENT_SENT the session is inside
 * of a message and must be closed at once: an end of data would make half a message whole. */
NODISCARD enum content_result content_send(struct delivery *d, struct client_session *s,
                                           struct str headers);
