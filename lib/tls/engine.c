#include "tls/engine.h"

#include "base/log.h"
#include "base/mem.h"

#include <stdlib.h>

/* Buffers of an idle session are given back; one read takes what the kernel has. */
#define MODES \
    (SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER | SSL_MODE_RELEASE_BUFFERS)

static const EVP_MD *find_digest(struct str name)
{
    const EVP_MD *digest = EVP_get_digestbyname(name.ptr);

    if (digest)
        return digest;
    log_warning("Digest algorithm \"" STR_FMT "\" not found", STR_ARG(name));
    log_warning("disabling TLS support");
    return NULL;
}

static SSL_CTX *new_context(const SSL_METHOD *method, const struct tls_settings *settings)
{
    SSL_CTX *context = SSL_CTX_new(method);

    if (context == NULL) {
        log_warning("cannot allocate SSL_CTX: disabling TLS support");
        errors_log();
        return NULL;
    }
    /* What is allowed is said by lists and grades; raised for single sessions. */
    SSL_CTX_set_security_level(context, 0);
    SSL_CTX_set_options(context, options_parse(settings->common));
    SSL_CTX_set_mode(context, MODES);
    SSL_CTX_set_read_ahead(context, 1);
    SSL_CTX_set_min_proto_version(context, 0);
    groups_apply(context, settings->common);
    return context;
}

struct tls_engine *engine_new(const SSL_METHOD *method, const struct tls_settings *settings)
{
    const EVP_MD *digest;

    if (!library_start(settings->common) ||
        (digest = find_digest(settings->fingerprint_digest)) == NULL)
        return NULL;
    struct tls_engine *e = mem_alloc(sizeof *e);
    e->prefix = settings->prefix;
    e->common = settings->common;
    e->digest = digest;
    e->settings = *settings;
    e->context = new_context(method, settings);
    if (e->context && trust_apply(e->context, settings) &&
        chain_use_files(e->context, &e->settings))
        return e;
    engine_free(e);
    return NULL;
}

void engine_free(struct tls_engine *e)
{
    SSL_CTX_free(e->context);
    buf_free(&e->cipher_list);
    free(e);
}
