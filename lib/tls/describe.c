/* What is known of a session once it stands. */
#include "base/log.h"
#include "tls/engine.h"

static struct str static_text(const char *text) { return str_from_null(text); }

static struct str signature(int type, EVP_PKEY *key, struct arena *a)
{
    BUF_AUTO(text, 256);
    char curve[80];
    size_t length;

    switch (type) {
    case EVP_PKEY_RSA_PSS:
    case EVP_PKEY_RSA:
        buf_addf(&text, "%s (%d bits)", type == EVP_PKEY_RSA ? "RSA" : "RSA-PSS",
                 EVP_PKEY_get_bits(key));
        break;
    case EVP_PKEY_EC:
        buf_add(&text, STR("ECDSA"));
        if (EVP_PKEY_get_group_name(key, curve, sizeof curve, &length) == 1)
            buf_addf(&text, " (%s)", curve);
        break;
    default:
        return static_text(OBJ_nid2sn(type));
    }
    return arena_str(a, buf_str(&text));
}

static struct str digest_name(int nid)
{
    return nid == NID_undef ? STR_NONE : static_text(OBJ_nid2sn(nid));
}

struct proof {
    struct str signature, digest;
};

static struct proof own_proof(struct tls_session *t)
{
    EVP_PKEY *key = SSL_get_privatekey(t->ssl);
    struct proof p = { STR_NONE, STR_NONE };
    int type, digest = NID_undef;

    if (key == NULL || SSL_get_signature_type_nid(t->ssl, &type) != 1)
        return p;
    p.signature = signature(type, key, &t->arena);
    if (SSL_get_signature_nid(t->ssl, &digest) == 1)
        p.digest = digest_name(digest);
    return p;
}

static struct proof peer_proof(struct tls_session *t)
{
    X509 *cert = SSL_get0_peer_certificate(t->ssl);
    EVP_PKEY *key = cert ? X509_get0_pubkey(cert) : NULL;
    struct proof p = { STR_NONE, STR_NONE };
    int type, digest = NID_undef;

    if (key == NULL || SSL_get_peer_signature_type_nid(t->ssl, &type) != 1)
        return p;
    p.signature = signature(type, key, &t->arena);
    if (SSL_get_peer_signature_nid(t->ssl, &digest) == 1)
        p.digest = digest_name(digest);
    return p;
}

/* Up to TLS 1.2 the name of the cipher says it all. */
static void note_key_exchange(struct tls_session *t)
{
    struct tls_facts *f = &t->facts;

    if (SSL_version(t->ssl) < TLS1_3_VERSION)
        return;
    f->key_exchange = static_text(SSL_group_to_name(t->ssl, (int)SSL_get_negotiated_group(t->ssl)));
    if (f->resumed)
        return;
    struct proof own = own_proof(t), peer = peer_proof(t);
    struct proof server = t->is_server ? own : peer, client = t->is_server ? peer : own;
    f->server_signature = server.signature;
    f->server_digest = server.digest;
    f->client_signature = client.signature;
    f->client_digest = client.digest;
}

static void note_peer(struct tls_session *t)
{
    const X509 *cert = SSL_get0_peer_certificate(t->ssl);
    struct tls_facts *f = &t->facts;

    if (cert == NULL)
        return;
    f->has_certificate = true;
    f->peer_name = names_of_subject(cert, &t->arena);
    f->issuer_name = names_of_issuer(cert, &t->arena);
    f->fingerprint = fingerprint_of_cert(cert, t->engine->digest, &t->arena);
    f->key_fingerprint = fingerprint_of_key(cert, t->engine->digest, &t->arena);
}

void session_note_facts(struct tls_session *t)
{
    const SSL_CIPHER *cipher = SSL_get_current_cipher(t->ssl);
    struct tls_facts *f = &t->facts;

    f->protocol = static_text(SSL_get_version(t->ssl));
    f->cipher = static_text(SSL_CIPHER_get_name(cipher));
    f->bits = SSL_CIPHER_get_bits(cipher, &f->algorithm_bits);
    f->resumed = SSL_session_reused(t->ssl) == 1;
    note_key_exchange(t);
    note_peer(t);
}

void session_log_summary(const struct tls_session *t, const char *status)
{
    BUF_AUTO(text, 1024);

    tls_format_facts(&t->facts, &text);
    log_info("%s TLS connection established %s " STR_FMT "%s" STR_FMT ": " STR_FMT, status,
             t->is_server ? "from" : "to", STR_ARG(t->peer),
             t->is_server && t->facts.sni.len ? " to " : "",
             STR_ARG(t->is_server ? t->facts.sni : STR_NONE), STR_ARG(buf_str(&text)));
}
