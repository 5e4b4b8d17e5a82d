/* The service's half of keys that are held for others. */
#include "tls/keys.h"

/* One key is all that is needed of OpenSSL's old interface: a provider would need the key itself. */
#define OPENSSL_SUPPRESS_DEPRECATED
#include "base/mem.h"
#include "tls/engine.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <stdlib.h>

/* What a handshake has signed: random numbers, hashes, and up to TLS 1.2 the parameters of a key exchange. */
#define TEXT_MAX 8192

struct tls_keys {
    EVP_PKEY **list;
    size_t count;
};

/* ---- the kinds of keys, and their use ---- */

static int sign_rsa(EVP_PKEY *key, const struct tls_task *task, unsigned char *out)
{
    RSA *rsa = EVP_PKEY_get1_RSA(key);
    int n = -1;

    if (rsa && (task->padding == RSA_PKCS1_PADDING || task->padding == RSA_NO_PADDING))
        n = RSA_private_encrypt((int)task->input.len, (const unsigned char *)task->input.ptr, out,
                                rsa, task->padding);
    RSA_free(rsa);
    return n;
}

static int sign_digest(EVP_PKEY *key, const struct tls_task *task, unsigned char *out)
{
    EVP_PKEY_CTX *c = EVP_PKEY_CTX_new(key, NULL);
    size_t length = (size_t)EVP_PKEY_get_size(key);
    bool ok = c && EVP_PKEY_sign_init(c) == 1 &&
              EVP_PKEY_sign(c, out, &length, (const unsigned char *)task->input.ptr,
                            task->input.len) == 1;

    EVP_PKEY_CTX_free(c);
    return ok ? (int)length : -1;
}

static int sign_text(EVP_PKEY *key, const struct tls_task *task, unsigned char *out)
{
    EVP_MD_CTX *c = EVP_MD_CTX_new();
    size_t length = (size_t)EVP_PKEY_get_size(key);
    bool ok = c && EVP_DigestSignInit(c, NULL, NULL, NULL, key) == 1 &&
              EVP_DigestSign(c, out, &length, (const unsigned char *)task->input.ptr,
                             task->input.len) == 1;

    EVP_MD_CTX_free(c);
    return ok ? (int)length : -1;
}

static const struct use {
    const char *kind;
    enum tls_operation operation;
    int (*sign)(EVP_PKEY *key, const struct tls_task *task, unsigned char *out);
    size_t input_max; /* where it may be longer than a signature */
} uses[] = {
    { "RSA", TLS_SIGN_RSA, sign_rsa, 0 },
    { "RSA-PSS", TLS_SIGN_RSA, sign_rsa, 0 },
    { "EC", TLS_SIGN_DIGEST, sign_digest, EVP_MAX_MD_SIZE },
    { "DSA", TLS_SIGN_DIGEST, sign_digest, EVP_MAX_MD_SIZE },
    { "ED25519", TLS_SIGN_TEXT, sign_text, TEXT_MAX },
    { "ED448", TLS_SIGN_TEXT, sign_text, TEXT_MAX },
};

/* NULL: it cannot be held. */
static const struct use *use_of(const EVP_PKEY *key)
{
    for (size_t i = 0; i < ARRAY_LEN(uses); i++)
        if (EVP_PKEY_is_a(key, uses[i].kind))
            return &uses[i];
    return NULL;
}

/* ---- the keys of a client ---- */

struct tls_keys *keys_new(void) { return mem_alloc(sizeof(struct tls_keys)); }

void keys_free(struct tls_keys *keys)
{
    for (size_t i = 0; i < keys->count; i++)
        EVP_PKEY_free(keys->list[i]);
    free(keys->list);
    free(keys);
}

/* The key, if it is one that we can hold. */
static EVP_PKEY *parse(const char *name, const char *header, const unsigned char *der, long length)
{
    if (!str_ends(str_from(name), STR("PRIVATE KEY")) || *header)
        return NULL;
    EVP_PKEY *key = d2i_AutoPrivateKey(NULL, &der, length);
    if (key && use_of(key))
        return key;
    EVP_PKEY_free(key);
    return NULL;
}

/* A client that asks again and again for the same names does not make the list longer. */
static size_t keep(struct tls_keys *keys, EVP_PKEY *key)
{
    for (size_t i = 0; i < keys->count; i++)
        if (EVP_PKEY_eq(keys->list[i], key) == 1) {
            EVP_PKEY_free(key);
            return i;
        }
    keys->list = mem_resize(keys->list, (keys->count + 1) * sizeof(EVP_PKEY *));
    keys->list[keys->count] = key;
    return keys->count++;
}

/* The number in four bytes, then the public half. */
static void write_stand_in(BIO *out, EVP_PKEY *key, size_t number)
{
    unsigned char *public = NULL;
    int length = i2d_PUBKEY(key, &public);
    BUF_AUTO(data, 0);

    for (int i = 3; i >= 0; i--)
        buf_addc(&data, (char)(number >> (8 * i)));
    if (length > 0)
        buf_add(&data, (struct str){ (const char *)public, (size_t)length });
    OPENSSL_free(public);
    (void)PEM_write_bio(out, STAND_IN_NAME, "", (const unsigned char *)data.ptr, (long)data.len);
}

static void take_block(struct tls_keys *keys, BIO *out, const char *name, const char *header,
                       const unsigned char *der, long length)
{
    EVP_PKEY *key = parse(name, header, der, length);

    if (key) {
        size_t number = keep(keys, key);
        write_stand_in(out, keys->list[number], number);
    } else {
        (void)PEM_write_bio(out, name, header, der, length);
    }
}

static void take_blocks(struct tls_keys *keys, BIO *in, BIO *out)
{
    char *name, *header;
    unsigned char *der;
    long length;

    while (PEM_read_bio(in, &name, &header, &der, &length)) {
        take_block(keys, out, name, header, der, length);
        OPENSSL_free(name);
        OPENSSL_free(header);
        OPENSSL_clear_free(der, (size_t)length);
    }
    /* Who reads the text shall stumble where we did. */
    if (ERR_GET_REASON(ERR_peek_last_error()) != PEM_R_NO_START_LINE)
        (void)BIO_puts(out, "-----BEGIN ?-----\n");
    ERR_clear_error();
}

void keys_take(struct tls_keys *keys, struct str pem, struct buf *public)
{
    BIO *in = BIO_new_mem_buf(pem.len ? pem.ptr : "", (int)pem.len), *out = BIO_new(BIO_s_mem());
    char *text;

    if (in == NULL || out == NULL)
        mem_exhausted();
    take_blocks(keys, in, out);
    long length = BIO_get_mem_data(out, &text);
    /* An answer that is empty tells that there was no file. */
    buf_add(public, length > 0 ? (struct str){ text, (size_t)length } : STR("\n"));
    BIO_free(in);
    BIO_free(out);
}

bool keys_act(const struct tls_keys *keys, const struct tls_task *task, struct buf *result)
{
    EVP_PKEY *key =
        task->key >= 0 && (size_t)task->key < keys->count ? keys->list[task->key] : NULL;
    const struct use *use = key ? use_of(key) : NULL;

    if (use == NULL || use->operation != task->operation)
        return false;
    size_t room = (size_t)EVP_PKEY_get_size(key);
    if (task->input.len > MAX(room, use->input_max))
        return false;
    int n = use->sign(key, task, (unsigned char *)buf_reserve(result, room));
    ERR_clear_error();
    if (n > 0)
        result->len += (size_t)n;
    return n > 0;
}
