#pragma once
#include "base/buf.h"

/* RFC 3461 xtext: printable ASCII without blank, `+` and `=`; others as +HH (upper case). */
void xtext_encode(struct str bytes, struct buf *out);
/* Appends; false with nothing appended for what is not xtext.  Lower-case hex and a bare `=` are accepted. */
NODISCARD bool xtext_decode(struct str text, struct buf *out);
/* RFC 6533 utf-8-addr-unitext / -xtext: as xtext, besides UTF-8 stands for itself and \x{HHHH} is
 * decoded. */
void uxtext_encode(struct str bytes, struct buf *out);
NODISCARD bool uxtext_decode(struct str text, struct buf *out);
