#pragma once
#include "base/str.h"

/* Syntax of host and domain names: labels of letters, digits, `-` and `_`, none empty, none over 63
 * bytes, no leading or trailing `-`, 255 bytes in all, and not all numeric.  UTF-8 labels pass if
 * `utf8`. A single final dot is refused. */
bool hostname_is_valid(struct str name, bool utf8);

/* Dotted quad, four decimal numbers up to 255; RFC 4291 text form, with an embedded IPv4 tail if
 * any. */
bool hostname_is_ipv4(struct str text);
bool hostname_is_ipv6(struct str text);
static inline bool hostname_is_address(struct str text)
{
    return hostname_is_ipv4(text) || hostname_is_ipv6(text);
}

/* `[1.2.3.4]` or `[IPv6:::1]`: the address inside, without brackets and tag; absent if it is none.
 */
struct str hostname_literal_address(struct str domain);
/* The bracketed shape only, whatever it holds. */
bool hostname_is_literal(struct str domain);
