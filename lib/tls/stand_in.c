/* The engine's half of keys that another process holds: keys with a public half only, whose signatures come from there.
 *
 * OpenSSL 3 calls methods of this kind "legacy", and has nothing else for a key whose private half is out of reach but a
 * provider of its own, which would be many times as much code. */
#define OPENSSL_SUPPRESS_DEPRECATED
#include "base/log.h"
#include "base/mem.h"
#include "tls/engine.h"

#include <openssl/dsa.h>
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

/* The methods of these kinds are those of a key inside the key. */
static void become_new(EVP_PKEY **key)
{
    EVP_PKEY_free(*key);
    if ((*key = EVP_PKEY_new()) == NULL)
        mem_exhausted();
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

static bool become_rsa(EVP_PKEY **key, struct stand_in *s)
{
    int kind = EVP_PKEY_get_base_id(*key); /* of any padding, or of PSS alone */
    RSA *rsa = EVP_PKEY_get1_RSA(*key);

    become_new(key);
    return rsa && RSA_set_method(rsa, rsa_method()) == 1 &&
           RSA_set_ex_data(rsa, rsa_slot(), s) == 1 && EVP_PKEY_assign(*key, kind, rsa) == 1;
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
    int n = ask(EC_KEY_get_ex_data(ec, ec_slot()), TLS_SIGN_DIGEST, 0,
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

static bool become_ec(EVP_PKEY **key, struct stand_in *s)
{
    EC_KEY *ec = EVP_PKEY_get1_EC_KEY(*key);

    become_new(key);
    return ec && EC_KEY_set_method(ec, ec_method()) == 1 &&
           EC_KEY_set_ex_data(ec, ec_slot(), s) == 1 && EVP_PKEY_assign_EC_KEY(*key, ec) == 1;
}

/* ---- DSA ---- */

static int dsa_slot(void)
{
    static int slot = -1;

    if (slot < 0)
        slot = DSA_get_ex_new_index(0, NULL, NULL, NULL, forget);
    return slot;
}

static DSA_SIG *dsa_sign(const unsigned char *digest, int length, DSA *dsa)
{
    unsigned char
        out[EVP_MAX_MD_SIZE * 3]; /* two numbers no longer than a digest, and what frames them */
    const unsigned char *at = out;
    int n = ask(DSA_get_ex_data(dsa, dsa_slot()), TLS_SIGN_DIGEST, 0,
                (struct str){ (const char *)digest, (size_t)length }, out, sizeof out);

    return n > 0 ? d2i_DSA_SIG(NULL, &at, n) : NULL;
}

static const DSA_METHOD *dsa_method(void)
{
    static DSA_METHOD *method;

    if (method == NULL && (method = DSA_meth_dup(DSA_OpenSSL())) != NULL)
        DSA_meth_set_sign(method, dsa_sign);
    return method;
}

static bool become_dsa(EVP_PKEY **key, struct stand_in *s)
{
    DSA *dsa = EVP_PKEY_get1_DSA(*key);

    become_new(key);
    return dsa && DSA_set_method(dsa, dsa_method()) == 1 &&
           DSA_set_ex_data(dsa, dsa_slot(), s) == 1 && EVP_PKEY_assign_DSA(*key, dsa) == 1;
}

/* ---- Edwards curves, which sign a text and not its digest ---- */

static int text_slot(void)
{
    static int slot = -1;

    if (slot < 0)
        slot = EVP_PKEY_get_ex_new_index(0, NULL, NULL, NULL, forget);
    return slot;
}

typedef int sign_function(EVP_MD_CTX *c, unsigned char *out, size_t *out_length,
                          const unsigned char *text, size_t length);

/* A method is for all keys of its kind: those whose private half is here, and those of peers, go the way that they
 * would have gone. */
static struct kind {
    int id;
    EVP_PKEY_METHOD *method;
    sign_function *sign_here;
} text_kinds[] = { { .id = EVP_PKEY_ED25519 }, { .id = EVP_PKEY_ED448 } };

static struct kind *text_kind_of(const EVP_PKEY *key)
{
    for (size_t i = 0; i < ARRAY_LEN(text_kinds); i++)
        if (text_kinds[i].id == EVP_PKEY_get_base_id(key))
            return &text_kinds[i];
    return NULL;
}

static int text_sign(EVP_MD_CTX *c, unsigned char *out, size_t *out_length,
                     const unsigned char *text, size_t length)
{
    EVP_PKEY *key = EVP_PKEY_CTX_get0_pkey(EVP_MD_CTX_get_pkey_ctx(c));
    const struct stand_in *s = EVP_PKEY_get_ex_data(key, text_slot());

    if (s == NULL)
        return text_kind_of(key)->sign_here(c, out, out_length, text, length);
    int n = EVP_PKEY_get_size(key);
    if (out)
        n = ask(s, TLS_SIGN_TEXT, 0, (struct str){ (const char *)text, length }, out, (size_t)n);
    *out_length = (size_t)MAX(n, 0);
    return n > 0;
}

static bool have_method(struct kind *k)
{
    const EVP_PKEY_METHOD *usual;

    if (k->method)
        return true;
    if ((usual = EVP_PKEY_meth_find(k->id)) == NULL ||
        (k->method = EVP_PKEY_meth_new(k->id, EVP_PKEY_FLAG_SIGCTX_CUSTOM)) == NULL)
        return false;
    EVP_PKEY_meth_copy(k->method, usual);
    EVP_PKEY_meth_get_digestsign(usual, &k->sign_here);
    EVP_PKEY_meth_set_digestsign(k->method, text_sign);
    return EVP_PKEY_meth_add0(k->method) == 1;
}

static bool become_text_signer(EVP_PKEY **key, struct stand_in *s)
{
    struct kind *k = text_kind_of(*key);

    return k && have_method(k) && EVP_PKEY_set_ex_data(*key, text_slot(), s) == 1;
}

/* ---- */

static const struct {
    const char *name;
    bool (*become)(EVP_PKEY **key, struct stand_in *s);
} makers[] = {
    { "RSA", become_rsa }, { "RSA-PSS", become_rsa },         { "EC", become_ec },
    { "DSA", become_dsa }, { "ED25519", become_text_signer }, { "ED448", become_text_signer },
};

/* `key`, with a public half only, becomes one that has a stand-in. */
static bool become(EVP_PKEY **key, struct stand_in *s)
{
    for (size_t i = 0; i < ARRAY_LEN(makers); i++)
        if (EVP_PKEY_is_a(*key, makers[i].name))
            return makers[i].become(key, s);
    return false;
}

EVP_PKEY *stand_in_key(const struct tls_signer *signer, const unsigned char *data, long length)
{
    const unsigned char *at = data + 4;
    EVP_PKEY *key = length > 4 ? d2i_PUBKEY(NULL, &at, length - 4) : NULL;

    if (key == NULL)
        return NULL;
    struct stand_in *s = mem_alloc(sizeof *s); /* the key's */
    *s = (struct stand_in){ signer, data[0] << 24 | data[1] << 16 | data[2] << 8 | data[3] };
    if (become(&key, s))
        return key;
    EVP_PKEY_free(key);
    return NULL;
}
