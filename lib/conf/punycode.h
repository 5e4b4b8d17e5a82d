#pragma once
/* conf/punycode - the ASCII form (RFC 3492) of a domain name in UTF-8, as `${domain_to_ascii{...}}` needs it.
 *
 * Letters are taken as written, apart from ASCII case: the name is what the administrator typed for
 * mydomain, not what a stranger sent. */
#include "base/buf.h"

/* Append the name, label by label.  False for bytes that are not UTF-8 or labels that are too long. */
NODISCARD bool punycode_encode_domain(struct buf *out, struct str domain);
