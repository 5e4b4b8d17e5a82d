#pragma once
/* smtp-client/wire - the bytes of a session, within the time of the step that they belong to.
 *
 * Each step (a command and its reply, the content) has a time limit.  With smtp_per_request_deadline it covers the whole
 * step.  Without, it covers each wait for the network, and the step as a whole may take a few times as long, so that a
 * server that sends or takes a byte now and then cannot hold the process. */
#include "smtp-client/session.h"

/* The dialogue's next event; with anything but a wait a new step begins. */
struct smtp_client_event session_next(struct client_session *s);
/* Write what the dialogue has to say.  False: errno, ETIMEDOUT when time is up. */
NODISCARD bool session_flush(struct client_session *s, enum smtp_step step);
/* The same, then one read. */
NODISCARD bool session_fill(struct client_session *s, enum smtp_step step);
/* What SMTP_CLIENT_NEED_INPUT and SMTP_CLIENT_FLUSH ask for. */
NODISCARD bool session_serve(struct client_session *s, const struct smtp_client_event *ev);
/* A piece of content.  False: the connection failed (errno), or the server has spoken already
 * (smtp_client_has_reply): stop sending. */
NODISCARD bool session_write(struct client_session *s, struct str piece, bool ends_line);
