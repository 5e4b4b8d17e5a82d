#pragma once
/* table/key_digest - what memcached gets instead of a key: a hash of it, in lower-case hexadecimal.  So a key may be longer
 * than memcached takes and have blanks in it, and what is stored there tells no addresses. */
#include "base/attr.h"
#include "base/buf.h"

struct key_digest;

/* `name` is one of OpenSSL's algorithms (sha256).  The library is loaded with the first, which must be before the jail.
 * NULL: `error` says why. */
NODISCARD struct key_digest *key_digest_open(struct str name, struct buf *error);
void key_digest_close(struct key_digest *d);
/* Puts the hash of `key` in its place.  False: the library failed. */
NODISCARD bool key_digest_apply(const struct key_digest *d, struct buf *key);
