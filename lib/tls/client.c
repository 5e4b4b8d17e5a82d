/* The client's engine and its handshakes. */
#include "base/log.h"
#include "tls/client_side.h"

/* ---- the engine ---- */

struct tls_engine *client_open(const struct tls_client_settings *settings)
{
    if (settings->s.log & TLS_LOG_VERBOSE)
        log_info("initializing the client-side TLS engine");
    struct tls_engine *e = engine_new(TLS_client_method(), &settings->s);
    if (e == NULL)
        return NULL;
    e->client = *settings;
    SSL_CTX_set_verify(e->context, SSL_VERIFY_NONE, verify_note);
    SSL_CTX_set_verify_depth(e->context, settings->verify_depth + 1);
    if (pins_open(e)) {
        resume_open(e);
        return e;
    }
    engine_free(e);
    return NULL;
}

/* ---- what is asked for ---- */

static bool apply_ciphers(struct tls_engine *e, const struct tls_client_wish *wish)
{
    BUF_AUTO(list, 0);

    if (!ciphers_compose(e->common, wish->peer, wish->ciphers, &wish->exclude_ciphers, 1, &list))
        return false;
    if (ciphers_apply(e, wish->peer, wish->log, buf_str(&list)))
        return true;
    log_warning(STR_FMT ": error setting cipher grade: \"" STR_FMT "\"", STR_ARG(wish->peer),
                STR_ARG(wish->ciphers));
    errors_log();
    return false;
}

static bool apply_protocols(const struct tls_session *t, const struct tls_client_wish *wish)
{
    struct protocol_range range;

    if (!protocols_parse(wish->protocols, &range)) {
        log_warning(STR_FMT ": Invalid TLS protocol list \"" STR_FMT "\": aborting TLS session",
                    STR_ARG(wish->peer), STR_ARG(wish->protocols));
        return false;
    }
    if (protocols_apply(t->ssl, &range))
        return true;
    log_warning(STR_FMT ": error setting TLS protocols: \"" STR_FMT "\"", STR_ARG(wish->peer),
                STR_ARG(wish->protocols));
    errors_log();
    return false;
}

static bool apply_servername(struct tls_session *t, struct str name)
{
    if (name.len == 0)
        return true;
    if (SSL_set_tlsext_host_name(t->ssl, arena_cstr(&t->arena, name)) != 1) {
        log_warning(STR_FMT ": error setting SNI hostname to: " STR_FMT, STR_ARG(t->peer),
                    STR_ARG(name));
        errors_log();
        return false;
    }
    t->facts.sni = arena_str(&t->arena, name);
    if (t->log & TLS_LOG_DEBUG)
        log_info(STR_FMT ": SNI hostname: " STR_FMT, STR_ARG(t->peer), STR_ARG(name));
    return true;
}

/* Who must be known by a certificate is not known by a weak one. */
static void apply_strength(const struct tls_session *t, const struct tls_client_wish *wish)
{
    if (wish->match != TLS_MATCH_NOTHING)
        SSL_set_security_level(t->ssl, 1);
}

static bool apply(struct tls_session *t, const struct tls_client_wish *wish)
{
    apply_strength(t, wish);
    return apply_protocols(t, wish) && apply_servername(t, wish->servername) && pins_apply(t) &&
           resume_apply(t);
}

/* ---- who answered ---- */

/* What is wrong with a certificate that OpenSSL would take. */
static void note_fault(struct tls_session *t, int fault)
{
    if (t->fault_depth >= 0)
        return;
    t->fault = fault;
    t->fault_depth = 0;
}

static bool is_named(struct tls_session *t)
{
    const struct client_side *c = t->client;

    if (c->wish->match != TLS_MATCH_NAMES && !(c->wish->match == TLS_MATCH_PINS && pins_name(t)))
        return true;
    int fault = match_names(t, c->wish->names);
    if (fault != X509_V_OK)
        note_fault(t, fault);
    if (fault == X509_V_ERR_UNSPECIFIED) /* there was nobody to look for */
        t->facts.trusted = false;
    return fault == X509_V_OK;
}

static bool is_the_one(struct tls_session *t)
{
    const struct client_side *c = t->client;

    return c->wish->match != TLS_MATCH_NOTHING && !t->facts.unusable && t->facts.trusted &&
           is_named(t) && c->wish->failure.len == 0;
}

static const struct {
    int fault;
    enum tls_fault kind;
} kinds[] = {
    { X509_V_OK, TLS_FAULT_NONE },
    { X509_V_ERR_CERT_HAS_EXPIRED, TLS_FAULT_EXPIRED },
    { X509_V_ERR_CERT_UNTRUSTED, TLS_FAULT_UNTRUSTED },
    { X509_V_ERR_DANE_NO_MATCH, TLS_FAULT_UNTRUSTED },
    { X509_V_ERR_HOSTNAME_MISMATCH, TLS_FAULT_NAME },
    { X509_V_ERR_IP_ADDRESS_MISMATCH, TLS_FAULT_NAME },
};

static void tell_fault(struct tls_session *t)
{
    struct tls_facts *f = &t->facts;
    int fault = t->fault_depth >= 0 ? t->fault : (int)SSL_get_verify_result(t->ssl);

    f->fault = TLS_FAULT_OTHER;
    f->fault_text = str_from(X509_verify_cert_error_string(fault));
    for (size_t i = 0; i < ARRAY_LEN(kinds); i++)
        if (kinds[i].fault == fault)
            f->fault = kinds[i].kind;
}

/* ---- and what the log says of it ---- */

static void log_server(const struct tls_session *t)
{
    const struct tls_facts *f = &t->facts;

    if (t->log & (TLS_LOG_VERBOSE | TLS_LOG_PEERCERT | TLS_LOG_CERTMATCH))
        log_info(STR_FMT ": subject_CN=" STR_FMT ", issuer=" STR_FMT ", cert fingerprint=" STR_FMT
                         ", pkey fingerprint=" STR_FMT,
                 STR_ARG(t->peer), STR_ARG(f->peer_name), STR_ARG(f->issuer_name),
                 STR_ARG(f->fingerprint), STR_ARG(f->key_fingerprint));
}

static void log_fault(const struct tls_session *t)
{
    const struct tls_client_wish *wish = t->client->wish;
    const struct tls_facts *f = &t->facts;

    if (!(t->log & TLS_LOG_UNTRUSTED) || f->matched)
        return;
    if (t->fault_depth >= 0)
        verify_log_fault(t);
    else if (wish->failure.len && wish->match != TLS_MATCH_NOTHING)
        log_info("certificate verification failed for " STR_FMT
                 ": external policy failure (" STR_FMT ")",
                 STR_ARG(t->peer), STR_ARG(wish->failure));
    else if (f->resumed && !f->trusted)
        log_info(STR_FMT ": re-using session with untrusted peer credential, look for details "
                         "earlier in the log",
                 STR_ARG(t->peer));
}

static const char *status(const struct tls_session *t)
{
    const struct tls_facts *f = &t->facts;

    if (!f->has_certificate)
        return "Anonymous";
    if (f->matched && !t->client->wish->only_trusted)
        return "Verified";
    return f->trusted ? "Trusted" : "Untrusted";
}

static void judge_server(struct tls_session *t)
{
    struct tls_facts *f = &t->facts;

    f->trusted = f->has_certificate && !f->unusable && SSL_get_verify_result(t->ssl) == X509_V_OK;
    f->matched = is_the_one(t);
    tell_fault(t);
    if (t->log & TLS_LOG_CACHE && f->resumed)
        log_info(STR_FMT ": Reusing old session", STR_ARG(t->peer));
    if (f->has_certificate) {
        log_server(t);
        pins_log_match(t);
        log_fault(t);
    }
    if (t->log & TLS_LOG_SUMMARY)
        session_log_summary(t, status(t));
}

/* ---- a session ---- */

static struct tls_session *begin(struct tls_engine *e, struct stream *s,
                                 const struct tls_client_wish *wish)
{
    bool strict = wish->match != TLS_MATCH_NOTHING;
    unsigned log = wish->log | (strict ? TLS_LOG_UNTRUSTED : 0);

    if (log & TLS_LOG_VERBOSE)
        log_info("setting up TLS connection to " STR_FMT, STR_ARG(wish->peer));
    if (!apply_ciphers(e, wish))
        return NULL;
    struct tls_session *t = session_new(e, s, wish->peer, log, false);
    if (t == NULL)
        return NULL;
    t->end_ms = wish->end_ms;
    t->depth_limit = e->client.verify_depth;
    t->client = arena_alloc(&t->arena, sizeof *t->client);
    *t->client = (struct client_side){ .wish = wish };
    return t;
}

const struct tls_facts *client_connect(struct tls_engine *e, struct stream *s,
                                       const struct tls_client_wish *wish)
{
    struct tls_session *t = begin(e, s, wish);

    if (t == NULL)
        return NULL;
    if (!apply(t, wish) || !session_handshake(t, SSL_connect, wish->until)) {
        resume_forget(t);
        session_free(t);
        return NULL;
    }
    session_note_facts(t);
    if (wish->show_chain)
        t->facts.chain = chain_seen(t);
    judge_server(t);
    if (wish->match != TLS_MATCH_NOTHING && !t->facts.matched)
        resume_forget(t);
    t->client->wish = NULL; /* it is the caller's */
    return &t->facts;
}
