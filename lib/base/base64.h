#pragma once
#include "base/buf.h"

/* RFC 4648 base64, one line.  The decoder is strict: padding required, no white space. */
void base64_encode(struct buf *out, struct str bytes);
NODISCARD bool base64_decode(struct buf *out, struct str text);
