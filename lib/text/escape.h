#pragma once
#include "base/buf.h"

/* C-like escapes of parameters that list characters (message_strip_characters, smtpd_expansion_filter): \a \b \f \n \r \t \v
 * \ooo \\. Appends the bytes. */
void escape_decode(struct str text, struct buf *out);
/* The other way, for log lines: what is not printable ASCII as such an escape, and the backslash; at most `max` bytes of the
 * result. */
void escape_encode(struct str text, size_t max, struct buf *out);
