#pragma once
/* table/key_domain - the `domain` of a table's settings: only keys with such a domain are looked up. */
#include "table/match.h"

/* `list` may be NULL: then all are.  A key without a domain, or with an empty one, is in no list. */
NODISCARD enum match_result key_domain_is_listed(struct match_list *list, struct str key);
