#pragma once
/* smtpd/reject_log - the line that every policy decision leaves in the log; parsers and fail2ban live on its shape.
 *
 * `NOQUEUE: ACTION: WHERE from NAME[ADDR]: TEXT; from=<S> to=<R> proto=P helo=<H>`; addresses in internal form. */
#include "smtpd/facts.h"

void reject_log_event(struct session *s, const char *action, struct str recipient, const char *fmt,
                      ...) PRINTF(4, 5);
/* What a filter decided: TEXT as it is. */
void reject_log_milter(struct session *s, const char *action, struct str recipient,
                       struct str text);
/* ACTION is `reject`, TEXT the reply; for the postmaster's notice too. */
void reject_log(struct session *s, struct str recipient, struct smtp_reply reply);
