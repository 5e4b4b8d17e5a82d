#pragma once
/* smtpd/respond - what happens to every reply on its way out: soft_bounce, the site's own words, the footer, delays
 * for clients that make many mistakes, and the limit where patience ends. */
#include "smtpd/facts.h"

/* Is this a reply that refuses? */
static inline bool reply_refuses(struct smtp_reply r) { return r.code >= 400; }

/* Answer the event under way. */
void respond(struct session *s, struct smtp_reply reply);
/* A table that decides about the answer cannot be asked: 421, and the session ends by one of wire_part() and
 * wire_break_off(). */
void respond_data_error(struct session *s, void (*hang_up)(struct session *, struct smtp_reply));
/* As respond(), but a refusal is not held against the client. */
void respond_mildly(struct session *s, struct smtp_reply reply);
