#pragma once
/* smtp-client/token - the access token that a password of the table stands for. */
#include "base/arena.h"
#include "base/buf.h"

/* "oauth:NAME" is an account that tokenmgr(8) knows.  A password that begins with "/" names a file, below /etc/tokens of the process's root, that
 * another program keeps fresh: the token alone, or JSON with an
 * "access_token".  Any other is the token itself.  False: `why`. */
NODISCARD bool token_find(struct str password, struct buf *token, struct buf *why);
/* The token in the text of such a file; absent where there is none.  It may live in `a`. */
struct str token_parse(struct str text, struct arena *a);
