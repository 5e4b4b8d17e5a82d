#pragma once
#include "base/attr.h"
#include "base/str.h"

#include <stdint.h>

/* RFC 3629: no overlong forms, no surrogates, nothing above U+10FFFF. */
bool utf8_is_valid(struct str s);
/* Only bytes below 128 (fast). */
bool utf8_is_ascii(struct str s);
/* Next character of `s`; advances past it.  False, `s` untouched, at the end or for a bad sequence.
 */
NODISCARD bool utf8_next(struct str *s, uint32_t *rune);
/* Replace by `?` what is not to reach a terminal, a log line or a header: control characters of
 * ASCII and of Unicode, line separators and those that turn the direction of text around, and
 * bytes that are no UTF-8. */
void utf8_make_printable(char *text, size_t len);
/* smtputf8_enable: without it nothing beyond ASCII is printable, in the whole program. */
void utf8_set_printable(bool printable);
/* The same for texts of the site itself, which may say what they like in UTF-8. */
void utf8_mask_controls(char *text, size_t len);
