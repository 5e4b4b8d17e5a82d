#pragma once
/* smtpd/filter_dialogue - the SMTP dialogue with the filter that smtpd_proxy_filter names: one for each message.
 *
 * The client's commands go through as they are, one at a time, because the filter's answers are for the client; so
 * this is not the client of lib/smtp.  A filter that does not do its part gets no second word: everything that
 * follows is MAIL_SINK_TROUBLE, and the log has said why. */
#include "os/link.h"
#include "smtpd/facts.h"

struct filter_dialogue;

/* Connect and introduce ourselves: greeting, EHLO, XFORWARD.  NULL: it does not work, as the log says. */
NODISCARD struct filter_dialogue *filter_dialogue_open(struct session *s);
/* QUIT where that makes sense, and the end; NULL is fine. */
void filter_dialogue_close(struct filter_dialogue *d);

/* Say `line` and hear what the filter says.  A code is set when that is not of the expected class: the filter's refusal, or
 * MAIL_SINK_TROUBLE.  Texts live in `a`. */
NODISCARD struct smtp_reply filter_dialogue_say(struct filter_dialogue *d, struct str line,
                                                enum smtp_class expected, struct arena *a);
/* Send what is collected, which ends with the end of the content: any reply is the client's. */
NODISCARD struct smtp_reply filter_dialogue_conclude(struct filter_dialogue *d, struct arena *a);
/* Where content in wire form is collected, and goes out by filter_dialogue_pump() when there is enough. */
struct buf *filter_dialogue_content(struct filter_dialogue *d);
void filter_dialogue_pump(struct filter_dialogue *d);
