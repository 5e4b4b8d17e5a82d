#pragma once
#include "base/buf.h"

/* Netstrings, `LENGTH:content,` (http://cr.yp.to/proto/netstrings.txt). */

/* The `LENGTH:` in front.  LONG: more content than is acceptable. */
enum netstring_head { NETSTRING_OK, NETSTRING_MORE, NETSTRING_LONG, NETSTRING_BAD };
/* Take the head off `in`; at most `limit` bytes of content are acceptable. */
NODISCARD enum netstring_head netstring_take_head(struct str *in, size_t limit, size_t *length);
/* Take a whole netstring off `in`; false if it is none. */
NODISCARD bool netstring_take(struct str *in, struct str *content);
void netstring_put(struct buf *out, struct str content);
