#pragma once
/* sasl/token - access tokens (RFC 6750).  Pure. */
#include "base/str.h"

/* What a bearer token is made of, so that it cannot end the response that it stands in. */
bool token_is_valid(struct str text);
