#pragma once
#include "base/buf.h"

/* Append `s` folded for comparison without case: ASCII letters to lower case, other UTF-8 text as
 * Unicode's full case folding says (`ß` gives `ss`).  Bytes that are no UTF-8 are copied. */
void casefold_utf8(struct str s, struct buf *out);
