/* The engine's half of keys that another process holds: keys with a public half only, whose signatures come from there.
 *
 * OpenSSL 3 calls methods of this kind "legacy", and has nothing else for a key whose private half is out of reach but a
 * provider of its own, which would be many times as much code. */
#define OPENSSL_SUPPRESS_DEPRECATED
#include "base/log.h"
#include "base/mem.h"
#include "tls/engine.h"

#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/rsa.h>
#include <stdlib.h>

struct stand_in {
    const struct tls_signer *signer;
    int key;
};

/* The length of the result, -1: none. */
static int ask(const struct stand_in *s, enum tls_operation operation, int padding,
               struct str input, unsigned char *out, size_t room)
{
    struct tls_task task = { s->key, operation, padding, input };
    BUF_AUTO(result, 0);

    if (!s->signer->act(s->signer->context, &task, &result) || result.len > room) {
        log_warning("the key service made no signature");
        return -1;
    }
    memcpy(out, result.ptr, result.len);
    return (int)result.len;
}

/* OpenSSL calls it when the key goes. */
static void forget(void *key, void *stand_in, CRYPTO_EX_DATA *data, int slot, long number,
                   void *context)
{
    (void)key;
    (void)data;
    (void)slot;
    (void)number;
    (void)context;
    free(stand_in);
}

/* ---- RSA ---- */

static int rsa_slot(void)
{
    static int slot = -1;

    if (slot < 0)
        slot = RSA_get_ex_new_index(0, NULL, NULL, NULL, forget);
    return slot;
}

static int rsa_sign(int length, const unsigned char *from, unsigned char *to, RSA *rsa, int padding)
{
    return ask(RSA_get_ex_data(rsa, rsa_slot()), TLS_SIGN_RSA, padding,
               (struct str){ (const char *)from, (size_t)length }, to, (size_t)RSA_size(rsa));
}

static const RSA_METHOD *rsa_method(void)
{
    static RSA_METHOD *method;

    if (method == NULL && (method = RSA_meth_dup(RSA_PKCS1_OpenSSL())) != NULL)
        RSA_meth_set_priv_enc(method, rsa_sign);
    return method;
}

static bool become_rsa(EVP_PKEY *key, EVP_PKEY *public, struct stand_in *s)
{
    RSA *rsa = EVP_PKEY_get1_RSA(public);

    return rsa && RSA_set_method(rsa, rsa_method()) == 1 &&
           RSA_set_ex_data(rsa, rsa_slot(), s) == 1 && EVP_PKEY_assign_RSA(key, rsa) == 1;
}

/* ---- curves ---- */

static int ec_slot(void)
{
    static int slot = -1;

    if (slot < 0)
        slot = EC_KEY_get_ex_new_index(0, NULL, NULL, NULL, forget);
    return slot;
}

static int ec_sign(int type, const unsigned char *digest, int length, unsigned char *out,
                   unsigned *out_length, const BIGNUM *kinv, const BIGNUM *r, EC_KEY *ec)
{
    int n = ask(EC_KEY_get_ex_data(ec, ec_slot()), TLS_SIGN_EC, 0,
                (struct str){ (const char *)digest, (size_t)length }, out, (size_t)ECDSA_size(ec));

    (void)type;
    (void)kinv;
    (void)r;
    if (n > 0)
        *out_length = (unsigned)n;
    return n > 0;
}

static const EC_KEY_METHOD *ec_method(void)
{
    static EC_KEY_METHOD *method;

    if (method == NULL && (method = EC_KEY_METHOD_new(EC_KEY_OpenSSL())) != NULL)
        EC_KEY_METHOD_set_sign(method, ec_sign, NULL, NULL);
    return method;
}

static bool become_ec(EVP_PKEY *key, EVP_PKEY *public, struct stand_in *s)
{
    EC_KEY *ec = EVP_PKEY_get1_EC_KEY(public);

    return ec && EC_KEY_set_method(ec, ec_method()) == 1 &&
           EC_KEY_set_ex_data(ec, ec_slot(), s) == 1 && EVP_PKEY_assign_EC_KEY(key, ec) == 1;
}

/* ---- */

EVP_PKEY *stand_in_key(const struct tls_signer *signer, const unsigned char *data, long length)
{
    const unsigned char *at = data + 4;
    EVP_PKEY *public = length > 4 ? d2i_PUBKEY(NULL, &at, length - 4) : NULL;
    EVP_PKEY *key = EVP_PKEY_new();

    if (public == NULL || key == NULL) {
        EVP_PKEY_free(public);
        EVP_PKEY_free(key);
        return NULL;
    }
    struct stand_in *s = mem_alloc(sizeof *s); /* the key's */
    *s = (struct stand_in){ signer, data[0] << 24 | data[1] << 16 | data[2] << 8 | data[3] };
    bool ok = EVP_PKEY_is_a(public, "RSA") ? become_rsa(key, public, s) : become_ec(key, public, s);
    EVP_PKEY_free(public);
    if (ok)
        return key;
    EVP_PKEY_free(key);
    return NULL;
}
