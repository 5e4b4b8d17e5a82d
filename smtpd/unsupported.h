#pragma once
/* smtpd/unsupported - settings that ask for what this version cannot do.  Nothing of that kind is passed over in
 * silence: it is logged when the process starts, and where mail would go unprotected or unfiltered, none is taken. */
#include "smtp/reply.h"

/* Before the jail, once. */
void unsupported_warn(void);
/* The reply to MAIL under such settings; code 0: there is none in the way. */
struct smtp_reply unsupported_refusal(void);
