#pragma once
/* conf/idna - the ASCII form of a domain name in UTF-8 (IDNA 2008 with the mappings of Unicode's UTS 46), made by
 * libidn2.  Names come from strangers, too. */
#include "base/buf.h"

/* Append the ASCII form, in lower case.  `transitional` (enable_idna2003_compatibility): `ß` becomes
 * `ss`, as once.  False for what is no UTF-8, has characters that no name may have, or is too long. */
NODISCARD bool idna_to_ascii(struct str domain, bool transitional, struct buf *out);
