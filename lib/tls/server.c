/* The server's engine and its handshakes. */
#include "base/log.h"
#include "text/hostname.h"
#include "tls/engine.h"

#include <openssl/x509v3.h>

/* ---- the engine ---- */

static void warn_of_both(const struct tls_settings *s)
{
    if (s->chain_files.len && (s->cert_file.len || s->dcert_file.len || s->eccert_file.len))
        log_warning("Both %s_tls_chain_files and one or more of the legacy  %s_tls_cert_file, "
                    "%s_tls_eccert_file or %s_tls_dcert_file are non-empty; the legacy  "
                    "parameters will be ignored",
                    s->prefix, s->prefix, s->prefix, s->prefix);
}

/* False: there is no certificate, and main.cf does not say that this is meant (`none`). */
static bool look_for_certificate(struct tls_server_settings *s)
{
    struct tls_settings *t = &s->s;

    warn_of_both(t);
    if (str_equal_nocase(t->cert_file, STR("none")) && t->chain_files.len == 0) {
        t->cert_file = t->dcert_file = t->eccert_file = STR_NONE;
        if (s->ask == TLS_ASK_NOTHING)
            return true;
        log_warning("Need a server cert to request client certs");
    } else if (t->chain_files.len || t->cert_file.len || t->dcert_file.len || t->eccert_file.len) {
        return true;
    }
    log_warning("No server certs available. TLS won't be enabled");
    return false;
}

static bool check_protocols(const struct tls_server_settings *s, struct protocol_range *range)
{
    if (protocols_parse(s->protocols, range))
        return true;
    log_warning("Invalid TLS protocol list \"" STR_FMT "\": disabling TLS support",
                STR_ARG(s->protocols));
    return false;
}

/* A certificate that is made for servers only, of a client: tls_trust_server_ccerts takes it. */
static int verify_as_server_too(X509_STORE_CTX *store, void *unused)
{
    X509 *leaf = X509_STORE_CTX_get0_cert(store);
    uint32_t usage = X509_get_extended_key_usage(leaf);

    (void)unused;
    if (usage != UINT32_MAX && usage & XKU_SSL_SERVER && !(usage & XKU_SSL_CLIENT))
        X509_VERIFY_PARAM_set_purpose(X509_STORE_CTX_get0_param(store), X509_PURPOSE_SSL_SERVER);
    return X509_verify_cert(store);
}

static void ask_for_certificates(struct tls_engine *e)
{
    const struct tls_settings *s = &e->server.s;

    SSL_CTX_set_verify(e->context, SSL_VERIFY_PEER | SSL_VERIFY_CLIENT_ONCE, verify_note);
    SSL_CTX_set_verify_depth(e->context, e->server.verify_depth + 1);
    if (e->common->tls_trust_server_ccerts)
        SSL_CTX_set_cert_verify_callback(e->context, verify_as_server_too, NULL);
    if (s->ca_file.len == 0)
        return;
    STACK_OF(X509_NAME) *authorities = SSL_load_client_CA_file(s->ca_file.ptr);
    if (authorities) {
        SSL_CTX_set_client_CA_list(e->context, authorities);
    } else {
        log_warning("error loading client CA names from: " STR_FMT, STR_ARG(s->ca_file));
        errors_log();
    }
}

/* ---- the name that a client asks for ---- */

static int use_chain_for(struct tls_session *t, SSL *ssl, struct str name, struct buf *pem)
{
    const struct tls_settings *s = &t->engine->server.s;
    struct chain_target to = { .session = ssl, .signer = s->signer.hand_over ? &s->signer : NULL };
    BUF_AUTO(origin, 0);

    buf_join(&origin, STR("SNI data for "), name);
    SSL_certs_clear(ssl);
    if (!chain_use_text(&to, buf_str(pem), buf_str(&origin)))
        return SSL_TLSEXT_ERR_ALERT_FATAL;
    t->facts.sni = arena_str(&t->arena, name);
    return SSL_TLSEXT_ERR_OK;
}

static int on_name(SSL *ssl, int *alert, void *unused)
{
    struct tls_session *t = session_of(ssl);
    const struct tls_server_names *names = &t->engine->server.names;
    struct str name = str_from_null(SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name));
    BUF_AUTO(pem, 0);

    (void)unused;
    if (name.len == 0)
        return SSL_TLSEXT_ERR_NOACK;
    if (!hostname_is_valid(name, false)) {
        log_warning("TLS SNI from " STR_FMT " is invalid: " STR_FMT, STR_ARG(t->peer),
                    STR_ARG(name));
        return SSL_TLSEXT_ERR_NOACK;
    }
    switch (names->find(names->context, name, &pem)) {
    case TLS_CHAIN_FOUND:
        return use_chain_for(t, ssl, name, &pem);
    case TLS_CHAIN_NONE:
        log_info("TLS SNI " STR_FMT " from " STR_FMT " not matched, using default chain",
                 STR_ARG(name), STR_ARG(t->peer));
        t->facts.sni = arena_str(&t->arena, name);
        return SSL_TLSEXT_ERR_OK;
    case TLS_CHAIN_ERROR:
        break;
    }
    *alert = SSL_AD_INTERNAL_ERROR;
    return SSL_TLSEXT_ERR_ALERT_FATAL;
}

struct tls_engine *server_open(const struct tls_server_settings *settings)
{
    struct tls_server_settings s = *settings;
    struct protocol_range range;

    if (s.s.log & TLS_LOG_VERBOSE)
        log_info("initializing the server-side TLS engine");
    if (!look_for_certificate(&s) || !check_protocols(&s, &range))
        return NULL;
    struct tls_engine *e = engine_new(TLS_server_method(), &s.s);
    if (e == NULL)
        return NULL;
    e->server = s;
    e->server_range = range;
    dh_apply(e->context, s.dh_file);
    cache_open(e);
    tickets_open(e);
    if (s.ask != TLS_ASK_NOTHING)
        ask_for_certificates(e);
    if (s.names.find)
        SSL_CTX_set_tlsext_servername_callback(e->context, on_name);
    return e;
}

/* ---- a session ---- */

static bool apply_ciphers(struct tls_engine *e, const struct tls_server_wish *wish)
{
    const struct tls_server_settings *s = &e->server;
    struct str exclusions[] = { s->exclude_ciphers, s->mandatory_exclude_ciphers,
                                s->ask == TLS_ASK_NOTHING ? STR_NONE : STR("aNULL"),
                                /* Who holds our keys signs with them, and decrypts nothing. */
                                s->s.signer.hand_over ? STR("kRSA") : STR_NONE };
    BUF_AUTO(list, 0);

    if (!ciphers_compose(e->common, wish->peer, s->ciphers, exclusions, ARRAY_LEN(exclusions),
                         &list))
        return false;
    if (ciphers_apply(e, wish->peer, wish->log, buf_str(&list)))
        return true;
    log_warning(STR_FMT ": error setting cipher grade: \"" STR_FMT "\"", STR_ARG(wish->peer),
                STR_ARG(s->ciphers));
    errors_log();
    return false;
}

static void log_names(const struct tls_session *t)
{
    X509 *cert = SSL_get0_peer_certificate(t->ssl);
    char *subject = X509_NAME_oneline(X509_get_subject_name(cert), NULL, 0);
    char *issuer = X509_NAME_oneline(X509_get_issuer_name(cert), NULL, 0);

    log_info("subject=%s", subject ? subject : "");
    log_info("issuer=%s", issuer ? issuer : "");
    OPENSSL_free(subject);
    OPENSSL_free(issuer);
}

static void log_client(const struct tls_session *t)
{
    const struct tls_facts *f = &t->facts;

    if (t->log & TLS_LOG_VERBOSE)
        log_names(t);
    if (t->log & (TLS_LOG_VERBOSE | TLS_LOG_PEERCERT))
        log_info(STR_FMT ": subject_CN=" STR_FMT ", issuer=" STR_FMT ", cert fingerprint=" STR_FMT
                         ", pkey fingerprint=" STR_FMT,
                 STR_ARG(t->peer), STR_ARG(f->peer_name), STR_ARG(f->issuer_name),
                 STR_ARG(f->fingerprint), STR_ARG(f->key_fingerprint));
    if (f->trusted || !(t->log & TLS_LOG_UNTRUSTED))
        return;
    if (f->resumed)
        log_info(STR_FMT ": re-using session with untrusted certificate, look for details earlier "
                         "in the log",
                 STR_ARG(t->peer));
    else
        verify_log_fault(t);
}

static void judge_client(struct tls_session *t)
{
    struct tls_facts *f = &t->facts;

    f->trusted = f->has_certificate && SSL_get_verify_result(t->ssl) == X509_V_OK;
    if (t->log & TLS_LOG_CACHE && f->resumed)
        log_info(STR_FMT ": Reusing old session", STR_ARG(t->peer));
    if (f->has_certificate)
        log_client(t);
    if (t->log & TLS_LOG_SUMMARY)
        session_log_summary(t, !f->has_certificate ? "Anonymous"
                               : f->trusted        ? "Trusted"
                                                   : "Untrusted");
}

static struct tls_session *prepare(struct tls_engine *e, struct stream *s,
                                   const struct tls_server_wish *wish)
{
    bool strict = e->server.ask == TLS_REQUIRE_CERTIFICATE;
    unsigned log = wish->log | (strict ? TLS_LOG_UNTRUSTED : 0);

    if (log & TLS_LOG_VERBOSE)
        log_info("setting up TLS connection from " STR_FMT, STR_ARG(wish->peer));
    if (!apply_ciphers(e, wish))
        return NULL;
    struct tls_session *t = session_new(e, s, wish->peer, log, true);
    if (t == NULL)
        return NULL;
    t->end_ms = wish->end_ms;
    t->early = arena_str(&t->arena, wish->early);
    t->depth_limit = e->server.verify_depth;
    if (strict)
        SSL_set_security_level(t->ssl, 1);
    if (protocols_apply(t->ssl, &e->server_range))
        return t;
    log_warning(STR_FMT ": error setting TLS protocols: \"" STR_FMT "\"", STR_ARG(wish->peer),
                STR_ARG(e->server.protocols));
    errors_log();
    session_free(t);
    return NULL;
}

static const struct tls_facts *accepted(struct tls_session *t)
{
    session_note_facts(t);
    judge_client(t);
    return &t->facts;
}

const struct tls_facts *server_accept(struct tls_engine *e, struct stream *s,
                                      const struct tls_server_wish *wish)
{
    struct tls_session *t = prepare(e, s, wish);

    if (t == NULL)
        return NULL;
    if (session_handshake(t, SSL_accept, wish->until))
        return accepted(t);
    session_free(t);
    return NULL;
}

struct tls_session *server_accept_begin(struct tls_engine *e, struct stream *s,
                                        const struct tls_server_wish *wish)
{
    struct tls_session *t = prepare(e, s, wish);

    if (t)
        session_handshake_begin(t);
    return t;
}

enum tls_progress server_accept_go_on(struct tls_session *t, const struct tls_facts **facts)
{
    enum tls_progress progress = session_handshake_go_on(t, SSL_accept);

    if (progress == TLS_DONE)
        *facts = accepted(t);
    if (progress == TLS_FAILED)
        session_free(t);
    return progress;
}
