#include "postscreen/tls_settings.h"

#include "base/log.h"

enum tls_server_level tls_settings_level(const struct postscreen_params *p)
{
    return tls_server_level_parse(p->postscreen_tls_security_level, p->postscreen_use_tls,
                                  p->postscreen_enforce_tls);
}

static enum tls_ask find_ask(const struct postscreen_params *p, bool mandatory,
                             bool has_certificate)
{
    bool asks = p->postscreen_tls_ask_ccert || p->postscreen_tls_req_ccert;

    if (asks && !has_certificate)
        log_warning("Need a server cert to request client certs");
    if (p->postscreen_tls_req_ccert && !mandatory)
        log_warning("Can't require client certs unless TLS is required");
    if (!asks || !has_certificate)
        return TLS_ASK_NOTHING;
    return p->postscreen_tls_req_ccert && mandatory ? TLS_REQUIRE_CERTIFICATE : TLS_ASK_CERTIFICATE;
}

/* Sessions are those of smtpd: a client that comes back may go on with one. */
void tls_settings_read(const struct postscreen_params *p, const struct tls_params *common,
                       struct tls_server_settings *s)
{
    bool mandatory = tls_settings_level(p) == TLS_SERVER_ENCRYPT;

    *s = (struct tls_server_settings){
        .s = TLS_SETTINGS(postscreen, *p),
        .protocols =
            mandatory ? p->postscreen_tls_mandatory_protocols : p->postscreen_tls_protocols,
        .ciphers = mandatory ? p->postscreen_tls_mandatory_ciphers : p->postscreen_tls_ciphers,
        .exclude_ciphers = p->postscreen_tls_exclude_ciphers,
        .mandatory_exclude_ciphers =
            mandatory ? p->postscreen_tls_mandatory_exclude_ciphers : STR_NONE,
        .dh_file = p->postscreen_tls_dh1024_param_file,
        .service = smtpd_conf.smtpd_service_name,
        .verify_depth = p->postscreen_tls_ccert_verifydepth,
        .always_ids = p->postscreen_tls_always_issue_session_ids,
    };
    s->s.prefix = "smtpd";
    s->s.common = common;
    s->ask = find_ask(p, mandatory, tls_has_certificate(&s->s));
    s->s.log = tls_log_parse("postscreen_tls_loglevel", p->postscreen_tls_loglevel);
}
