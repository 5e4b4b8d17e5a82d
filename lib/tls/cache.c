/* Sessions of the server that are resumed by their id, kept by tlsmgr. */
#include "base/log.h"
#include "tls/engine.h"

static void format_id(const struct tls_engine *e, const unsigned char *id, size_t length,
                      struct buf *out)
{
    for (size_t i = 0; i < length; i++)
        buf_addf(out, "%02X", id[i]);
    buf_addf(out, "&s=" STR_FMT "&l=%lu", STR_ARG(e->server.service), OpenSSL_version_num());
}

static void log_step(const struct tls_session *t, const char *step)
{
    if (t->log & TLS_LOG_CACHE)
        log_info(STR_FMT ": %s %s cache", STR_ARG(t->peer), step, t->engine->prefix);
}

static SSL_SESSION *on_lookup(SSL *ssl, const unsigned char *id, int length, int *copy)
{
    const struct tls_session *t = session_of(ssl);
    const struct tls_store *store = &t->engine->server.store;
    BUF_AUTO(key, 0);
    BUF_AUTO(bytes, 0);

    *copy = 0;
    format_id(t->engine, id, (size_t)length, &key);
    log_step(t, "looking up session ID in");
    if (!store->load(store->context, buf_str(&key), &bytes))
        return NULL;
    const unsigned char *at = (const unsigned char *)bytes.ptr;
    SSL_SESSION *session = d2i_SSL_SESSION(NULL, &at, (long)bytes.len);
    if (session)
        log_step(t, "reloaded session ID from");
    else
        errors_log();
    return session;
}

static int on_new(SSL *ssl, SSL_SESSION *session)
{
    const struct tls_session *t = session_of(ssl);
    const struct tls_store *store = &t->engine->server.store;
    unsigned length;
    const unsigned char *id = SSL_SESSION_get_id(session, &length);
    unsigned char *bytes = NULL;
    int size = i2d_SSL_SESSION(session, &bytes);
    BUF_AUTO(key, 0);

    if (size > 0) {
        format_id(t->engine, id, length, &key);
        log_step(t, "save session ID to");
        store->save(store->context, buf_str(&key), (struct str){ (char *)bytes, (size_t)size });
    }
    OPENSSL_free(bytes);
    return 0; /* we keep no reference */
}

static void on_remove(SSL_CTX *context, SSL_SESSION *session)
{
    const struct tls_engine *e = SSL_CTX_get_app_data(context);
    const struct tls_store *store = &e->server.store;
    unsigned length;
    const unsigned char *id = SSL_SESSION_get_id(session, &length);
    BUF_AUTO(key, 0);

    format_id(e, id, length, &key);
    store->remove(store->context, buf_str(&key));
}

static void name_service(struct tls_engine *e)
{
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned size = 0;
    BUF_AUTO(name, 0);

    buf_join(&name, str_from(e->prefix), STR("/"), e->server.service);
    if (EVP_Digest(name.ptr, name.len, digest, &size, EVP_sha256(), NULL) == 1)
        SSL_CTX_set_session_id_context(e->context, digest,
                                       MIN(size, (unsigned)SSL_MAX_SID_CTX_LENGTH));
}

void cache_open(struct tls_engine *e)
{
    const struct tls_server_settings *s = &e->server;
    bool cached = s->session_lifetime > 0 && s->store.load;

    name_service(e);
    SSL_CTX_set_app_data(e->context, e);
    /* A ticket is opened for as long again as its key issues others. */
    if (s->session_lifetime > 0)
        SSL_CTX_set_timeout(e->context, 2L * s->session_lifetime);
    if (!cached && !s->always_ids) {
        SSL_CTX_set_session_cache_mode(e->context, SSL_SESS_CACHE_OFF);
        return;
    }
    SSL_CTX_set_session_cache_mode(e->context, SSL_SESS_CACHE_SERVER | SSL_SESS_CACHE_NO_INTERNAL |
                                                   SSL_SESS_CACHE_NO_AUTO_CLEAR);
    if (!cached)
        return;
    SSL_CTX_sess_set_get_cb(e->context, on_lookup);
    SSL_CTX_sess_set_new_cb(e->context, on_new);
    SSL_CTX_sess_set_remove_cb(e->context, on_remove);
}
