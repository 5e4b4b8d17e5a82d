/* Sessions that a client goes on with: kept by somebody else, one for each server and policy. */
#include "base/log.h"
#include "tls/client_side.h"

#include <openssl/err.h>

#define SESSION_MAX (64UL * 1024)

/* ---- what a session is good for ---- */

static void hash_text(EVP_MD_CTX *c, struct str text)
{
    uint64_t length = text.len;

    (void)EVP_DigestUpdate(c, &length, sizeof length);
    (void)EVP_DigestUpdate(c, text.ptr, text.len);
}

static void hash_number(EVP_MD_CTX *c, unsigned long number)
{
    (void)EVP_DigestUpdate(c, &number, sizeof number);
}

/* All that decided how the session was made, or whether the server was the right one. */
static void hash_wish(EVP_MD_CTX *c, const struct tls_engine *e, const struct tls_client_wish *w)
{
    hash_text(c, w->helo);
    hash_number(c, OpenSSL_version_num());
    hash_text(c, w->protocols);
    hash_text(c, buf_str(&e->cipher_list));
    hash_text(c, w->servername);
    hash_number(c, w->match);
    hash_text(c, w->digests);
    for (const struct tls_pin *p = w->pins; p; p = p->next) {
        hash_number(c, (unsigned long)p->usage << 16 | p->selector << 8 | p->matching);
        hash_text(c, p->data);
    }
    for (const struct tls_anchor *a = w->anchors; a; a = a->next)
        hash_text(c, a->pem);
}

static bool make_id(struct tls_session *t)
{
    const struct tls_client_wish *w = t->client->wish;
    unsigned char hash[EVP_MAX_MD_SIZE];
    unsigned length = 0;
    EVP_MD_CTX *c = EVP_MD_CTX_new();
    BUF_AUTO(id, 0);

    if (c == NULL || EVP_DigestInit_ex(c, EVP_sha256(), NULL) != 1)
        return false;
    hash_wish(c, t->engine, w);
    bool ok = EVP_DigestFinal_ex(c, hash, &length) == 1;
    EVP_MD_CTX_free(c);
    buf_join(&id, w->session, STR("&"));
    for (unsigned i = 0; i < length; i++)
        buf_addf(&id, "%02X", hash[i]);
    t->client->id = arena_str(&t->arena, buf_str(&id));
    return ok;
}

static void log_step(const struct tls_session *t, const char *what)
{
    const char *name = t->engine->client.store.name;

    if (t->log & TLS_LOG_CACHE)
        log_info("%s session " STR_FMT " %s %s cache", what, STR_ARG(t->client->id),
                 *what == 's'   ? "to"
                 : *what == 'l' ? "in"
                                : "from",
                 name ? name : t->engine->prefix);
}

/* ---- from and to the store ---- */

static void go_on(struct tls_session *t, const struct buf *kept)
{
    const unsigned char *bytes = (const unsigned char *)kept->ptr;
    SSL_SESSION *session = d2i_SSL_SESSION(NULL, &bytes, (long)kept->len);

    if (session && SSL_set_session(t->ssl, session) == 1)
        log_step(t, "reloaded");
    SSL_SESSION_free(session);
    ERR_clear_error();
}

bool resume_apply(struct tls_session *t)
{
    const struct tls_store *store = &t->engine->client.store;
    BUF_AUTO(kept, SESSION_MAX);

    if (store->load == NULL || t->client->wish->session.len == 0)
        return true;
    if (!make_id(t))
        return false;
    log_step(t, "looking for");
    if (store->load(store->context, t->client->id, &kept))
        go_on(t, &kept);
    return true;
}

static void save(struct tls_session *t, const SSL_SESSION *session)
{
    const struct tls_store *store = &t->engine->client.store;
    unsigned char *bytes = NULL;
    int length = i2d_SSL_SESSION(session, &bytes);

    if (length > 0 && (size_t)length <= SESSION_MAX) {
        log_step(t, "save");
        store->save(store->context, t->client->id,
                    (struct str){ (const char *)bytes, (size_t)length });
    }
    OPENSSL_free(bytes);
}

/* A server may send several tickets; the first one is as good as the others. */
static int on_session(SSL *ssl, SSL_SESSION *session)
{
    struct tls_session *t = session_of(ssl);

    if (t->client->id.len && !t->client->kept && SSL_SESSION_is_resumable(session)) {
        t->client->kept = true;
        save(t, session);
    }
    return 0; /* we hold no reference */
}

void resume_forget(struct tls_session *t)
{
    const struct tls_store *store = &t->engine->client.store;
    struct str id = t->client->id;

    if (id.len == 0)
        return;
    if (t->log & TLS_LOG_CACHE)
        log_info("remove session " STR_FMT " from client cache", STR_ARG(id));
    store->remove(store->context, id);
    t->client->id = STR_NONE;
}

void resume_open(struct tls_engine *e)
{
    SSL_CTX_set_session_cache_mode(e->context, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
    SSL_CTX_sess_set_new_cb(e->context, on_session);
}
