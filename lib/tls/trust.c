/* Whose word counts. */
#include "base/log.h"
#include "tls/engine.h"

static const char *cstr_or_null(struct str s) { return s.len ? s.ptr : NULL; }

static bool cannot_load(const struct tls_settings *s)
{
    BUF_AUTO(what, 0);

    if (s->ca_file.len)
        buf_join(&what, STR(", CAfile=\""), s->ca_file, STR("\""));
    if (s->ca_path.len)
        buf_join(&what, STR(", CApath=\""), s->ca_path, STR("\""));
    log_info("cannot load Certification Authority data" STR_FMT ": disabling TLS support",
             STR_ARG(buf_str(&what)));
    errors_log();
    return false;
}

bool trust_apply(SSL_CTX *context, const struct tls_settings *s)
{
    if (s->ca_file.len == 0 && s->ca_path.len == 0)
        return true;
    if (SSL_CTX_load_verify_locations(context, cstr_or_null(s->ca_file),
                                      cstr_or_null(s->ca_path)) != 1)
        return cannot_load(s);
    if (s->common->tls_append_default_CA && SSL_CTX_set_default_verify_paths(context) != 1) {
        log_info("cannot set default OpenSSL certificate verification paths: disabling TLS "
                 "support");
        errors_log();
        return false;
    }
    return true;
}
