#pragma once
#include "base/buf.h"

/* C-like escapes of parameters that list characters (message_strip_characters, smtpd_expansion_filter): \a \b \f \n \r \t \v
 * \ooo \\. Appends the bytes. */
void escape_decode(struct str text, struct buf *out);
