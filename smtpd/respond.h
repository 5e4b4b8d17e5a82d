#pragma once
/* smtpd/respond - what happens to every reply on its way out: soft_bounce, the site's own words, the footer, delays
 * for clients that make many mistakes, and the limit where patience ends. */
#include "smtpd/facts.h"

/* Is this a reply that refuses? */
static inline bool reply_refuses(struct smtp_reply r) { return r.code >= 400; }

/* Answer the event under way. */
void respond(struct session *s, struct smtp_reply reply);
/* The same, but a refusal is not held against the client. */
void respond_mildly(struct session *s, struct smtp_reply reply);
