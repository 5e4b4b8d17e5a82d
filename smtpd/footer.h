#pragma once
#include "smtpd/facts.h"

/* The refusal with smtpd_reject_footer (or what smtpd_reject_footer_maps says of this refusal) behind it.
 *
 * In the template `\n` begins another line of the reply and `\c` at the start goes on with the line before;
 * $client_address and its like are expanded, their odd characters replaced by `_` (smtpd_expansion_filter). */
struct smtp_reply footer_add(struct session *s, struct smtp_reply reply, struct arena *a);
