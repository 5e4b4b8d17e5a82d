/* What is wrong with a peer's certificate.  Nothing is refused here: who must be trusted is policy. */
#include "base/log.h"
#include "tls/engine.h"

#include <openssl/x509_vfy.h>

struct tls_session *session_of(const SSL *ssl) { return SSL_get_app_data(ssl); }

static void log_certificate(const struct tls_session *t, X509_STORE_CTX *store, int ok)
{
    X509 *cert = X509_STORE_CTX_get_current_cert(store);
    char *subject = cert ? X509_NAME_oneline(X509_get_subject_name(cert), NULL, 0) : NULL;

    log_info(STR_FMT ": depth=%d verify=%d subject=%s", STR_ARG(t->peer),
             X509_STORE_CTX_get_error_depth(store), ok, subject ? subject : "(unavailable)");
    OPENSSL_free(subject);
}

static void note(struct tls_session *t, X509_STORE_CTX *store, int depth, int fault)
{
    if (t->fault_depth >= 0 && depth >= t->fault_depth)
        return;
    X509 *cert = X509_STORE_CTX_get_current_cert(store);
    X509_free(t->faulty);
    t->faulty = cert;
    if (cert)
        X509_up_ref(cert);
    t->fault = fault;
    t->fault_depth = depth;
}

/* The result that OpenSSL keeps with the session is the fault nearest to the leaf. */
int verify_note(int ok, X509_STORE_CTX *store)
{
    struct tls_session *t =
        session_of(X509_STORE_CTX_get_ex_data(store, SSL_get_ex_data_X509_STORE_CTX_idx()));
    int depth = X509_STORE_CTX_get_error_depth(store);

    if (!ok)
        note(t, store, depth, X509_STORE_CTX_get_error(store));
    if (depth > t->depth_limit)
        note(t, store, depth, X509_V_ERR_CERT_CHAIN_TOO_LONG);
    if (t->fault_depth >= 0)
        X509_STORE_CTX_set_error(store, t->fault);
    if (t->log & TLS_LOG_VERBOSE)
        log_certificate(t, store, ok);
    return 1;
}

/* ---- the line ---- */

enum shape { WITH_PURPOSE, PLAIN, ISSUER, USAGE, LIMIT };

static const struct {
    int fault;
    enum shape shape;
    const char *text;
} remarks[] = {
    { X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT, PLAIN, "self-signed certificate" },
    { X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN, ISSUER, "untrusted issuer" },
    { X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT, ISSUER, "untrusted issuer" },
    { X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY, ISSUER, "untrusted issuer" },
    { X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE, ISSUER, "untrusted issuer" },
    { X509_V_ERR_CERT_NOT_YET_VALID, WITH_PURPOSE, "certificate not yet valid" },
    { X509_V_ERR_ERROR_IN_CERT_NOT_BEFORE_FIELD, WITH_PURPOSE, "certificate not yet valid" },
    { X509_V_ERR_CERT_HAS_EXPIRED, WITH_PURPOSE, "certificate has expired" },
    { X509_V_ERR_ERROR_IN_CERT_NOT_AFTER_FIELD, WITH_PURPOSE, "certificate has expired" },
    { X509_V_ERR_INVALID_PURPOSE, USAGE, "not designated for use as a" },
    { X509_V_ERR_CERT_CHAIN_TOO_LONG, LIMIT, "certificate chain longer than limit" },
    { X509_V_ERR_CERT_UNTRUSTED, PLAIN, "not trusted by local or TLSA policy" },
};

static const char *purpose(const struct tls_session *t)
{
    if (t->fault_depth > 0)
        return "CA";
    return t->is_server ? "client" : "server";
}

static void log_unknown(const struct tls_session *t)
{
    log_info("%s certificate verification failed for " STR_FMT ": num=%d:%s", purpose(t),
             STR_ARG(t->peer), t->fault, X509_verify_cert_error_string(t->fault));
}

static void format_detail(const struct tls_session *t, enum shape shape, struct buf *text)
{
    char *issuer;

    switch (shape) {
    case ISSUER:
        issuer = t->faulty ? X509_NAME_oneline(X509_get_issuer_name(t->faulty), NULL, 0) : NULL;
        buf_join(text, STR(" "), issuer ? str_from(issuer) : STR("(unavailable)"));
        OPENSSL_free(issuer);
        break;
    case USAGE:
        buf_join(text, STR(" "), str_from(purpose(t)), STR(" certificate"));
        break;
    case LIMIT:
        buf_addf(text, "(%d)", t->depth_limit);
        break;
    case WITH_PURPOSE:
    case PLAIN:
        break;
    }
}

static void log_remark(const struct tls_session *t, enum shape shape, const char *what)
{
    BUF_AUTO(text, 1024);

    buf_add_cstr(&text, what);
    format_detail(t, shape, &text);
    log_info("%s%scertificate verification failed for " STR_FMT ": " STR_FMT,
             shape == WITH_PURPOSE ? purpose(t) : "", shape == WITH_PURPOSE ? " " : "",
             STR_ARG(t->peer), STR_ARG(buf_str(&text)));
}

void verify_log_fault(const struct tls_session *t)
{
    for (size_t i = 0; i < ARRAY_LEN(remarks); i++) {
        if (remarks[i].fault != t->fault)
            continue;
        log_remark(t, remarks[i].shape, remarks[i].text);
        return;
    }
    log_unknown(t);
}
