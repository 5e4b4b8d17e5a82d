#pragma once
/* smtp-client/remarks - what the postmaster should know of a session: log lines, and a notice with what was said. */
#include "smtp-client/session.h"

/* Before the jail: is the postmaster to be told of protocol errors? */
void session_open_remarks(void);
/* As smtp_client_options want it; the context is the session. */
void session_remark(void *context, enum smtp_note note, struct str text);
/* An answer that was not hoped for: is it one that the postmaster may want to hear of? */
void session_judge(struct client_session *s, const struct smtp_answer *answer);
/* At the end: tell the postmaster, if something was wrong. */
void session_report(struct client_session *s);
