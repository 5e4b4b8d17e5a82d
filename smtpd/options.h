#pragma once
#include "smtpd/facts.h"

/* What the dialogue offers and accepts in this session: parameters, then what depends on the client
 * (discarded EHLO keywords, authorised XCLIENT hosts, exclusions). */
void options_for_session(struct session *s, struct smtp_server_options *out);
