#pragma once
/* base/digest - what a process that has a library for it computes for those that have none (tls_digests()). */
#include "base/attr.h"
#include "base/str.h"

enum digest_hash { DIGEST_MD5, DIGEST_SHA1, DIGEST_SHA256 };
#define DIGEST_MAX 32 /* bytes of the longest */

/* False: this hash is not to be had here (a policy of the system may forbid MD5). */
struct digests {
    bool (*hash)(enum digest_hash hash, struct str bytes, unsigned char *out);
    bool (*hmac)(enum digest_hash hash, struct str key, struct str bytes, unsigned char *out);
    /* PBKDF2, as many bytes as the hash has. */
    bool (*derive)(enum digest_hash hash, struct str password, struct str salt, int rounds,
                   unsigned char *out);
};
