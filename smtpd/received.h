#pragma once
#include "smtpd/facts.h"

/* The Received header of the message under way, lines ending in LF (RFC 5321 section 4.4). */
void received_format(const struct session *s, struct buf *out);
