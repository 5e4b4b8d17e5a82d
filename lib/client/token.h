#pragma once
/* client/token - ask tokenmgr(8) for the access token of an account. */
#include "base/buf.h"

/* False: `why`. */
NODISCARD bool token_ask(struct str account, struct buf *token, struct buf *why);
