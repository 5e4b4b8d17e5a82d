#pragma once
/* smtpd/transaction - from MAIL to the end of that message. */
#include "smtpd/facts.h"

void transaction_begin(struct session *s, const struct smtp_mail *mail);
/* The only end: on success, refusal, RSET and disconnect alike. */
void transaction_end(struct session *s);
/* Get a queue id from the mail sink, which takes the sender.  False: the mail system is in trouble. */
NODISCARD bool transaction_open(struct session *s);
void transaction_add_recipient(struct session *s, const struct smtp_rcpt *rcpt);
/* Begin the content: end of the envelope, Received header. */
void transaction_begin_content(struct session *s);
void transaction_add_text(struct session *s, struct str text, bool ends_line);
/* The message is complete: the sink's verdict as our reply. */
struct smtp_reply transaction_commit(struct session *s, enum smtp_command how, struct arena *a);
