#pragma once
/* smtpd/greet - say 220, or refuse the client for good: at the start, and when XCLIENT made it another one. */
#include "smtpd/facts.h"

void greet_client(struct session *s);
