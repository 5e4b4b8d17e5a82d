#pragma once
#include "base/buf.h"

/* C-like escapes of message_strip_characters and message_reject_characters: \a \b \f \n \r \t \v
 * \ooo \\. Appends the bytes. */
void escape_decode(struct str text, struct buf *out);
