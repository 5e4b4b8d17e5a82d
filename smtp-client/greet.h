#pragma once
/* smtp-client/greet - how the dialogue with a server begins and ends. */
#include "smtp-client/session.h"

/* Tables of the process; before the jail. */
void session_open_tables(void);
/* Greeting and EHLO, and TLS as the purpose wants it.  False: the server refused, went away, or will not do. */
NODISCARD bool session_greet(struct client_session *s, const struct session_purpose *purpose,
                             struct arena *a, struct fault *fault);
/* Say QUIT (without waiting for the answer when smtp_skip_quit_response) and close; with `polite` false just close.  A
 * session that is not open is fine. */
void session_close(struct client_session *s, bool polite);
