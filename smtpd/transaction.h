#pragma once
/* smtpd/transaction - from MAIL to the end of that message. */
#include "smtpd/facts.h"

/* `line` is the client's command. */
void transaction_begin(struct session *s, const struct smtp_mail *mail, struct str line);
/* The only end: on success, refusal, RSET and disconnect alike. */
void transaction_end(struct session *s);
/* The mail sink takes the sender, the recipient, the beginning of the content, once each has been let in.  A reply with a code
 * refuses it. */
NODISCARD struct smtp_reply transaction_open(struct session *s);
NODISCARD struct smtp_reply
transaction_add_recipient(struct session *s, const struct smtp_rcpt *rcpt, struct str line);
NODISCARD struct smtp_reply transaction_begin_content(struct session *s);
void transaction_add_text(struct session *s, struct str text, bool ends_line);
/* The message is complete: the sink's verdict as our reply. */
struct smtp_reply transaction_commit(struct session *s, enum smtp_command how, struct arena *a);
