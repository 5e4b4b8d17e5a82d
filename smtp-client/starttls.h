#pragma once
/* smtp-client/starttls - how a session becomes a TLS session, or why it stays plain. */
#include "service/service.h"
#include "smtp-client/session.h"

/* Engine and tables of the process; before the jail.  Nothing happens where the site wants no TLS.  The result is what
 * the log is to hear of TLS (enum tls_log). */
unsigned starttls_open(struct service *svc, bool lmtp);

/* A certificate, a key or the list of authorities that has been replaced since; absent: none has. */
struct str starttls_files_changed(void);

/* One more message over the session: the log says so where it said how the session began. */
void starttls_note_reuse(const struct client_session *s);

/* The server has said EHLO in plain. */
enum starttls_step {
    STARTTLS_ASKED,   /* STARTTLS is on its way */
    STARTTLS_PLAIN,   /* it stays as it is, and that will do */
    STARTTLS_REFUSED, /* that will not do: see the fault */
};
enum starttls_step starttls_begin(struct client_session *s, const struct session_purpose *purpose,
                                  struct arena *a, struct fault *fault);
/* The answer to STARTTLS: the dialogue goes on in plain, or in TLS.  False: see the fault. */
NODISCARD bool starttls_answered(struct client_session *s, const struct session_purpose *purpose,
                                 const struct smtp_answer *answer, struct arena *a,
                                 struct fault *fault);
/* Before the greeting (wrapper mode).  False: see the fault. */
NODISCARD bool starttls_wrap(struct client_session *s, const struct session_purpose *purpose,
                             struct arena *a, struct fault *fault);
