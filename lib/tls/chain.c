/* Own keys and certificates: blocks of PEM in the order key, certificate, issuers, next key ... */
#include "base/log.h"
#include "base/mem.h"
#include "os/fd.h"
#include "tls/engine.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/err.h>
#include <openssl/pem.h>

/* Certificates of a megabyte are none. */
#define CHAIN_FILE_MAX (4UL * 1024 * 1024)

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

static EVP_PKEY *make_key(const struct reader *r, const char *name, const char *header,
                          const unsigned char *der, long length)
{
    if (strcmp(name, STAND_IN_NAME) == 0)
        return r->to->signer ? stand_in_key(r->to->signer, der, length) : NULL;
    if (*header || str_ends(str_from(name), STR("ENCRYPTED PRIVATE KEY")))
        return NULL;
    return d2i_AutoPrivateKey(NULL, &der, length);
}

static bool take_key(struct reader *r, const char *name, const char *header,
                     const unsigned char *der, long length)
{
    if (r->any_order && r->key) {
        log_warning("ignoring 2nd key at index %d in %s after 1st at %d", r->index, r->origin,
                    r->key_index);
        return true;
    }
    if (!r->any_order && !begin_chain(r))
        return false;
    r->key = make_key(r, name, header, der, length);
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

/* Parameters of curves and the like stand between the blocks of some files: they count for nothing. */
static bool take(struct reader *r, const char *name, const char *header, const unsigned char *der,
                 long length)
{
    bool is_trusted = strcmp(name, PEM_STRING_X509_TRUSTED) == 0;

    r->index++;
    if (str_ends(str_from(name), STR("PRIVATE KEY")) || strcmp(name, STAND_IN_NAME) == 0) {
        r->any = true;
        return take_key(r, name, header, der, length);
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

/* A file as the reader sees it: `text` is used when somebody else takes the keys out of it. */
static BIO *open_file(const struct tls_signer *signer, const char *file, struct buf *text)
{
    FD_AUTO(fd, open(file, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK));

    if (fd < 0) {
        log_warning("error opening chain file: %s: %s", file, strerror(errno));
        return NULL;
    }
    buf_clear(text);
    bool ok = signer ? signer->hand_over(signer->context, fd, text) : fd_read_all(fd, text);
    if (!ok)
        log_warning("the keys in %s could not be %s", file, signer ? "handed over" : "read");
    BIO *bio = BIO_new_mem_buf(text->len ? text->ptr : "", (int)text->len);
    if (bio == NULL)
        mem_exhausted();
    return bio;
}

static const struct tls_signer *signer_of(const struct tls_settings *s)
{
    return s->signer.hand_over ? &s->signer : NULL;
}

/* A file that is not there is not a broken one: what the others hold serves. */
static bool use_chain_files(const struct chain_target *to, struct str files)
{
    struct reader r = { .to = to };
    struct str rest = files, file;
    ARENA_AUTO(names);
    BUF_AUTO(text, CHAIN_FILE_MAX);
    bool ok = true, missing = false;

    while (ok && str_token(&rest, ", \t\r\n", &file)) {
        const char *name = arena_cstr(&names, file);
        BIO *bio = open_file(to->signer, name, &text);
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

static bool use_mixed_file(const struct chain_target *to, struct str file)
{
    struct reader r = { .to = to, .any_order = true };
    BUF_AUTO(text, CHAIN_FILE_MAX);
    BIO *bio = open_file(to->signer, file.ptr, &text);

    if (bio == NULL)
        return false;
    bool ok = read_blocks(&r, bio, file.ptr);
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

static bool use_key_file(const struct chain_target *to, struct str file)
{
    struct reader r = { .to = to, .any_order = true };
    BUF_AUTO(text, CHAIN_FILE_MAX);
    BIO *bio = open_file(to->signer, file.ptr, &text);
    bool ok = bio && read_blocks(&r, bio, file.ptr) && r.key &&
              SSL_CTX_use_PrivateKey(to->context, r.key) == 1;

    BIO_free(bio);
    forget(&r);
    return ok;
}

static bool use_pair(const struct chain_target *to, const char *kind, struct str cert,
                     struct str key)
{
    if (SSL_CTX_use_certificate_chain_file(to->context, cert.ptr) <= 0)
        return cannot("certificate", kind, cert);
    if (!use_key_file(to, key))
        return cannot("private key", kind, key);
    if (SSL_CTX_check_private_key(to->context))
        return true;
    log_warning("%s private key in " STR_FMT " does not match public key in " STR_FMT
                ": disabling TLS support",
                kind, STR_ARG(key), STR_ARG(cert));
    ERR_clear_error(); /* which says the same */
    return false;
}

static bool use_slot(const struct chain_target *to, const char *kind, struct str cert,
                     struct str key)
{
    if (cert.len == 0)
        return true;
    if (key.len == 0 || str_equal(cert, key))
        return use_mixed_file(to, cert);
    return use_pair(to, kind, cert, key);
}

bool chain_use_files(SSL_CTX *context, const struct tls_settings *s)
{
    struct chain_target to = { .context = context, .signer = signer_of(s) };

    if (s->chain_files.len)
        return use_chain_files(&to, s->chain_files);
    return use_slot(&to, "RSA", s->cert_file, s->key_file) &&
           use_slot(&to, "DSA", s->dcert_file, s->dkey_file) &&
           use_slot(&to, "ECDSA", s->eccert_file, s->eckey_file);
}
