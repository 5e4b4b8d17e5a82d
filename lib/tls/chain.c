/* Own keys and certificates: blocks of PEM in the order key, certificate, issuers, next key ... */
#include "base/log.h"
#include "base/mem.h"
#include "tls/engine.h"

#include <errno.h>
#include <openssl/err.h>
#include <openssl/pem.h>

struct reader {
    const struct chain_target *to;
    bool
        any_order; /* one file of the older pair: the key may stand anywhere, and further ones count for nothing */
    const char *origin;
    int index; /* of the block in its origin, from 1 */
    EVP_PKEY *key;
    const char *key_origin;
    int key_index;
    X509 *leaf;
    STACK_OF(X509) * issuers;
    bool any; /* some block has been of use */
};

static void forget(struct reader *r)
{
    EVP_PKEY_free(r->key);
    X509_free(r->leaf);
    sk_X509_pop_free(r->issuers, X509_free);
    r->key = NULL;
    r->leaf = NULL;
    r->issuers = NULL;
}

static bool hand_over(struct reader *r)
{
    const struct chain_target *to = r->to;
    int used = to->session ? SSL_use_cert_and_key(to->session, r->leaf, r->key, r->issuers, 0)
                           : SSL_CTX_use_cert_and_key(to->context, r->leaf, r->key, r->issuers, 0);

    if (used != 1)
        log_warning("key at index %d in %s does not match next certificate", r->key_index,
                    r->key_origin);
    forget(r);
    return used == 1;
}

/* What has been read so far is a chain, if it is anything. */
static bool end_chain(struct reader *r)
{
    if (r->key && r->leaf)
        return hand_over(r);
    if (r->key) {
        log_warning("No certs for key at index %d in %s", r->key_index, r->key_origin);
        return false;
    }
    if (r->leaf) {
        log_warning("error loading chain from %s: key not first", r->origin);
        return false;
    }
    return true;
}

static bool begin_chain(struct reader *r)
{
    if (r->key && r->leaf == NULL) {
        log_warning(
            "error loading certificate chain: key at index %d in %s not followed by a certificate",
            r->key_index, r->key_origin);
        return false;
    }
    return end_chain(r);
}

static bool take_key(struct reader *r, const unsigned char *der, long length, bool encrypted)
{
    if (r->any_order && r->key) {
        log_warning("ignoring 2nd key at index %d in %s after 1st at %d", r->index, r->origin,
                    r->key_index);
        return true;
    }
    if (!r->any_order && !begin_chain(r))
        return false;
    r->key = encrypted ? NULL : d2i_AutoPrivateKey(NULL, &der, length);
    if (r->key == NULL) {
        log_warning("error loading private key (PEM object number %d) from %s", r->index,
                    r->origin);
        return false;
    }
    r->key_origin = r->origin;
    r->key_index = r->index;
    return true;
}

static bool take_certificate(struct reader *r, const unsigned char *der, long length,
                             bool with_trust)
{
    if (r->key == NULL && !r->any_order) {
        log_warning("error loading chain from %s: key not first", r->origin);
        return false;
    }
    X509 *cert = with_trust ? d2i_X509_AUX(NULL, &der, length) : d2i_X509(NULL, &der, length);
    if (cert == NULL) {
        log_warning("error loading certificate (PEM object number %d) from %s", r->index,
                    r->origin);
        return false;
    }
    if (r->leaf == NULL) {
        r->leaf = cert;
        return true;
    }
    if (r->issuers == NULL)
        r->issuers = sk_X509_new_null();
    if (r->issuers == NULL || sk_X509_push(r->issuers, cert) <= 0)
        mem_exhausted();
    return true;
}

static bool ends_in(const char *name, struct str end) { return str_ends(str_from(name), end); }

/* Parameters of curves and the like stand between the blocks of some files: they count for nothing. */
static bool take(struct reader *r, const char *name, const char *header, const unsigned char *der,
                 long length)
{
    bool is_trusted = strcmp(name, PEM_STRING_X509_TRUSTED) == 0;

    r->index++;
    if (ends_in(name, STR("PRIVATE KEY"))) {
        r->any = true;
        return take_key(r, der, length, *header || ends_in(name, STR("ENCRYPTED PRIVATE KEY")));
    }
    if (is_trusted || strcmp(name, PEM_STRING_X509) == 0 ||
        strcmp(name, PEM_STRING_X509_OLD) == 0) {
        r->any = true;
        return take_certificate(r, der, length, is_trusted);
    }
    return true;
}

static bool read_blocks(struct reader *r, BIO *bio, const char *origin)
{
    char *name, *header;
    unsigned char *der;
    long length;
    bool ok = true;

    r->origin = origin;
    r->index = 0;
    while (ok && PEM_read_bio(bio, &name, &header, &der, &length)) {
        ok = take(r, name, header, der, length);
        OPENSSL_free(name);
        OPENSSL_free(header);
        OPENSSL_clear_free(der, (size_t)length);
    }
    if (!ok)
        return false;
    if (ERR_GET_REASON(ERR_peek_last_error()) == PEM_R_NO_START_LINE) {
        ERR_clear_error();
        return true;
    }
    log_warning("error loading chain from %s", origin);
    return false;
}

static bool finish(struct reader *r, struct str origins)
{
    if (r->any)
        return end_chain(r);
    log_warning("No PEM data in " STR_FMT, STR_ARG(origins));
    return false;
}

/* False: `ok` was, or there is nothing of use; said with what OpenSSL has to say and with the `consequence`. */
static bool settle(struct reader *r, bool ok, struct str origins, const char *consequence)
{
    if (ok)
        ok = finish(r, origins);
    forget(r);
    if (ok)
        return true;
    errors_log();
    log_warning("error loading private keys and certificates from: " STR_FMT ": %s",
                STR_ARG(origins), consequence);
    return false;
}

bool chain_use_text(const struct chain_target *to, struct str pem, struct str origin)
{
    struct reader r = { .to = to };
    BUF_AUTO(name, 0);

    buf_add(&name, origin);
    BIO *bio = BIO_new_mem_buf(pem.ptr, (int)pem.len);
    if (bio == NULL)
        mem_exhausted();
    bool ok = read_blocks(&r, bio, buf_cstr(&name));
    ok = settle(&r, ok, origin, "aborting TLS handshake");
    BIO_free(bio);
    return ok;
}

static BIO *open_file(const char *file)
{
    BIO *bio = BIO_new_file(file, "r");

    if (bio == NULL) {
        log_warning("error opening chain file: %s: %s", file, strerror(errno));
        ERR_clear_error();
    }
    return bio;
}

/* A file that is not there is not a broken one: what the others hold serves. */
static bool use_chain_files(SSL_CTX *context, struct str files)
{
    struct chain_target to = { .context = context };
    struct reader r = { .to = &to };
    struct str rest = files, file;
    ARENA_AUTO(names);
    bool ok = true, missing = false;

    while (ok && str_token(&rest, ", \t\r\n", &file)) {
        const char *name = arena_cstr(&names, file);
        BIO *bio = open_file(name);
        if (bio == NULL)
            missing = true;
        else
            ok = read_blocks(&r, bio, name);
        BIO_free(bio);
    }
    if (ok && missing && !r.any)
        return true;
    return settle(&r, ok, files, "disabling TLS support");
}

static bool use_mixed_file(SSL_CTX *context, struct str file)
{
    struct chain_target to = { .context = context };
    struct reader r = { .to = &to, .any_order = true };
    BIO *bio = open_file(file.ptr);
    bool ok = bio && read_blocks(&r, bio, file.ptr);

    BIO_free(bio);
    return settle(&r, ok, file, "disabling TLS support");
}

static bool cannot(const char *what, const char *kind, struct str file)
{
    log_warning("cannot get %s %s from file \"" STR_FMT "\": disabling TLS support", kind, what,
                STR_ARG(file));
    errors_log();
    return false;
}

static bool use_pair(SSL_CTX *context, const char *kind, struct str cert, struct str key)
{
    if (SSL_CTX_use_certificate_chain_file(context, cert.ptr) <= 0)
        return cannot("certificate", kind, cert);
    if (SSL_CTX_use_PrivateKey_file(context, key.ptr, SSL_FILETYPE_PEM) <= 0)
        return cannot("private key", kind, key);
    if (SSL_CTX_check_private_key(context))
        return true;
    log_warning("%s private key in " STR_FMT " does not match public key in " STR_FMT
                ": disabling TLS support",
                kind, STR_ARG(key), STR_ARG(cert));
    errors_log();
    return false;
}

static bool use_slot(SSL_CTX *context, const char *kind, struct str cert, struct str key)
{
    if (cert.len == 0)
        return true;
    if (key.len == 0 || str_equal(cert, key))
        return use_mixed_file(context, cert);
    return use_pair(context, kind, cert, key);
}

bool chain_use_files(SSL_CTX *context, const struct tls_settings *s)
{
    if (s->chain_files.len)
        return use_chain_files(context, s->chain_files);
    return use_slot(context, "RSA", s->cert_file, s->key_file) &&
           use_slot(context, "DSA", s->dcert_file, s->dkey_file) &&
           use_slot(context, "ECDSA", s->eccert_file, s->eckey_file);
}
