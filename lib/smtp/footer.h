#pragma once
/* smtp/footer - a site's own words behind a refusal (smtpd_reject_footer and its like). */
#include "smtp/reply.h"
#include "text/macro.h"

/* `text` becomes that of `refusal` with the lines of `template` behind it.  In a template `\n` begins a line, which repeats
 * the enhanced status, and `\c` at its very beginning goes on with the last line. */
void smtp_footer_add(struct smtp_reply refusal, struct str template,
                     const struct macro_source *source, struct buf *text);
