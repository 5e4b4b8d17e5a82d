/* Hashes for logins (base/digest.h). */
#include "tls/digest.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>

static const EVP_MD *method_of(enum digest_hash hash)
{
    switch (hash) {
    case DIGEST_MD5:
        return EVP_md5();
    case DIGEST_SHA1:
        return EVP_sha1();
    case DIGEST_SHA256:
        break;
    }
    return EVP_sha256();
}

static bool make_hash(enum digest_hash hash, struct str bytes, unsigned char *out)
{
    return EVP_Digest(bytes.ptr, bytes.len, out, NULL, method_of(hash), NULL) == 1;
}

static bool make_hmac(enum digest_hash hash, struct str key, struct str bytes, unsigned char *out)
{
    unsigned len = 0;

    return HMAC(method_of(hash), key.ptr, (int)key.len, (const unsigned char *)bytes.ptr, bytes.len,
                out, &len) != NULL;
}

static bool derive(enum digest_hash hash, struct str password, struct str salt, int rounds,
                   unsigned char *out)
{
    const EVP_MD *method = method_of(hash);

    return PKCS5_PBKDF2_HMAC(password.ptr, (int)password.len, (const unsigned char *)salt.ptr,
                             (int)salt.len, rounds, method, EVP_MD_get_size(method), out) == 1;
}

/* The library reads its configuration when it is used first, which a process in its jail could not. */
const struct digests *digests_open(void)
{
    static const struct digests digests = { make_hash, make_hmac, derive };
    unsigned char unused[DIGEST_MAX];

    return make_hash(DIGEST_SHA256, STR(""), unused) ? &digests : NULL;
}
