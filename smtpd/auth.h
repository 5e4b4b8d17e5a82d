#pragma once
/* smtpd/auth - AUTH: finding out who the client is.  The dialogue is lib/smtp's; whether an answer is right is decided by a
 * back-end, which is another process. */
#include "smtpd/facts.h"

/* Before the jail; a mistake in the configuration is fatal. */
void auth_open(struct setup *setup);
/* May this session use AUTH as it stands now, and with what (s->auth.mechanisms)?  Asked anew after STARTTLS and XCLIENT.  A
 * back-end that offers nothing is fatal, before the client has heard a word: the next process tries again. */
bool auth_offer(struct session *s);
void auth_handle(struct session *s, const struct smtp_event *ev);
void auth_continue(struct session *s, const struct smtp_event *ev);
/* SMTP_REFUSED of an AUTH command: logs it.  True: the client asks too often, and has been told so instead. */
bool auth_refuse(struct session *s, const struct smtp_event *ev);
/* The session is over; a login may be under way. */
void auth_end(const struct setup *setup);
/* STARTTLS: whoever had logged in has not. */
void auth_forget(struct session *s);
