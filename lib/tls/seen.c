/* The server's certificates, for who wants to look at them. */
#include "tls/client_side.h"

#include <openssl/pem.h>

static struct str name_of(const X509_NAME *name, struct arena *a)
{
    char *line = X509_NAME_oneline(name, NULL, 0);
    struct str text = line ? arena_str(a, str_from(line)) : STR_NONE;

    OPENSSL_free(line);
    return text;
}

static struct str pem_of(X509 *cert, struct arena *a)
{
    BIO *out = BIO_new(BIO_s_mem());
    struct str text = STR_NONE;
    char *bytes;

    if (out && PEM_write_bio_X509(out, cert) == 1) {
        long length = BIO_get_mem_data(out, &bytes);
        text = arena_str(a, (struct str){ bytes, (size_t)length });
    }
    BIO_free(out);
    return text;
}

static struct tls_certificate *describe(struct tls_session *t, X509 *cert)
{
    struct arena *a = &t->arena;
    struct tls_certificate *c = arena_alloc(a, sizeof *c);

    *c = (struct tls_certificate){
        .subject = name_of(X509_get_subject_name(cert), a),
        .issuer = name_of(X509_get_issuer_name(cert), a),
        .fingerprint = fingerprint_of_cert(cert, t->engine->digest, a),
        .key_fingerprint = fingerprint_of_key(cert, t->engine->digest, a),
        .pem = pem_of(cert, a),
    };
    return c;
}

const struct tls_certificate *chain_seen(struct tls_session *t)
{
    const struct tls_certificate *first = NULL, **tail = &first;
    const STACK_OF(X509) *chain = SSL_get0_verified_chain(t->ssl);

    if (chain == NULL)
        chain = SSL_get_peer_cert_chain(t->ssl);
    for (int i = 0; i < sk_X509_num(chain); i++) {
        struct tls_certificate *c = describe(t, sk_X509_value(chain, i));
        *tail = c;
        tail = &c->next;
    }
    return first;
}
