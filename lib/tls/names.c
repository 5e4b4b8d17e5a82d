/* What a certificate says of itself. */
#include "base/utf8.h"
#include "tls/engine.h"

#include <openssl/x509v3.h>

static struct str printable(const unsigned char *text, int length, struct arena *a)
{
    BUF_AUTO(clean, 0);

    if (length <= 0 || memchr(text, '\0', (size_t)length))
        return STR_NONE; /* a name with a NUL is meant to be read in two ways */
    buf_add_printable(&clean, (struct str){ (const char *)text, (size_t)length });
    return arena_str(a, buf_str(&clean));
}

static struct str part_of(const X509_NAME *name, int nid, struct arena *a)
{
    unsigned char *utf8 = NULL;
    int at = X509_NAME_get_index_by_NID(name, nid, -1);

    if (at < 0)
        return STR_NONE;
    const ASN1_STRING *value = X509_NAME_ENTRY_get_data(X509_NAME_get_entry(name, at));
    int length = ASN1_STRING_to_UTF8(&utf8, value);
    struct str result = printable(utf8, length, a);
    OPENSSL_free(utf8);
    return result;
}

struct str names_of_subject(const X509 *cert, struct arena *a)
{
    return part_of(X509_get_subject_name(cert), NID_commonName, a);
}

struct str names_of_issuer(const X509 *cert, struct arena *a)
{
    const X509_NAME *name = X509_get_issuer_name(cert);
    struct str common = part_of(name, NID_commonName, a);

    return common.len ? common : part_of(name, NID_organizationName, a);
}

static struct str fingerprint(const unsigned char *bytes, size_t length, const EVP_MD *digest,
                              struct arena *a)
{
    static const char hex[] = "0123456789ABCDEF";
    unsigned char value[EVP_MAX_MD_SIZE];
    unsigned size;
    BUF_AUTO(text, 0);

    if (EVP_Digest(bytes, length, value, &size, digest, NULL) != 1)
        return STR_NONE;
    for (unsigned i = 0; i < size; i++) {
        if (i)
            buf_addc(&text, ':');
        buf_addc(&text, hex[value[i] >> 4]);
        buf_addc(&text, hex[value[i] & 15]);
    }
    return arena_str(a, buf_str(&text));
}

static struct str fingerprint_of(unsigned char *der, int length, const EVP_MD *digest,
                                 struct arena *a)
{
    struct str result = length > 0 ? fingerprint(der, (size_t)length, digest, a) : STR_NONE;

    OPENSSL_free(der);
    return result;
}

struct str fingerprint_of_cert(const X509 *cert, const EVP_MD *digest, struct arena *a)
{
    unsigned char *der = NULL;
    int length = i2d_X509(cert, &der);

    return fingerprint_of(der, length, digest, a);
}

struct str fingerprint_of_key(const X509 *cert, const EVP_MD *digest, struct arena *a)
{
    unsigned char *der = NULL;
    int length = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(cert), &der);

    return fingerprint_of(der, length, digest, a);
}
