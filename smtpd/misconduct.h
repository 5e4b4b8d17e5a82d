#pragma once
/* smtpd/misconduct - what clients do wrong before any policy is asked: logged, answered, and where it is bad enough the
 * end of the session.  Handlers of the dialogue's events. */
#include "smtpd/facts.h"

/* Every command line passes here before it is parsed: smtpd_command_filter, commands that end the session, and those
 * that the site wants to be NOOPs. */
void misconduct_line(struct session *s, const struct smtp_event *ev);
/* Before the greeting: a client that does not wait for it is told of in the log.  True: it gets none, and has been sent
 * away. */
bool misconduct_early_greeting(struct session *s);
void misconduct_early_input(struct session *s, const struct smtp_event *ev);
void misconduct_refused(struct session *s, const struct smtp_event *ev);
void misconduct_unknown(struct session *s, const struct smtp_event *ev);
