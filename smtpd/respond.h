#pragma once
#include "smtpd/session.h"

/* Is this a reply that refuses? */
static inline bool reply_refuses(struct smtp_reply r) { return r.code >= 400; }
