#pragma once
#include "delivery/delivery.h"
#include "smtp-client/session.h"

/* Send the message content of the request's queue file, end of data included.  False: the connection failed, or
 * the file cannot be read (then the session must not be used further). */
NODISCARD bool content_send(struct delivery *d, struct client_session *s);
