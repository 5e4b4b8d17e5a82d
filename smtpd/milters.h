#pragma once
/* smtpd/milters - filters look at a session: what is said to them when, and what their answers mean for the client.
 *
 * Our own restrictions come first; only what they let pass is told.  The content is cleanup's to show: see
 * milters_hand_over(). */
#include "smtpd/facts.h"

/* Before the jail. */
void milters_open(struct setup *setup);

/* The client has connected, or another one has taken its place (XCLIENT).  The greeting that is due; code 0: the usual
 * one. */
struct smtp_reply milters_on_connect(struct session *s);
void milters_on_disconnect(struct session *s);
/* True: the EHLO or HELO is answered. */
bool milters_on_helo(struct session *s, enum smtp_event_kind kind, bool again);

/* The reply that refuses, which has been logged; code 0: none has an objection.  `line` is the client's command. */
struct smtp_reply milters_on_mail(struct session *s, struct str line);
struct smtp_reply milters_on_rcpt(struct session *s, const struct smtp_rcpt *rcpt, struct str line);
struct smtp_reply milters_on_data(struct session *s);
/* A command that nobody knows; only what differs from the usual refusal. */
struct smtp_reply milters_on_unknown(struct session *s, struct str line);
/* We have refused that recipient. */
void milters_on_rejected_rcpt(struct session *s, const struct smtp_rcpt *rcpt, struct str line,
                              struct smtp_reply reply);
/* What was said when the client connected or introduced itself bars this command, too: true, and it is answered. */
bool milters_bar(struct session *s, enum smtp_command command);

/* The content begins: cleanup gets the conversations of those that have not decided yet. */
void milters_hand_over(struct session *s);
/* The end of a message, however it came. */
void milters_end_message(struct session *s);
