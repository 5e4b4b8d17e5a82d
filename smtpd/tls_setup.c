#include "smtpd/tls_setup.h"

#include "base/log.h"
#include "client/tlsmgr.h"
#include "os/watch.h"

static enum tls_ask find_ask(bool mandatory)
{
    const struct smtpd_tls_params *p = &smtpd_tls_conf;

    if (p->smtpd_tls_req_ccert && mandatory)
        return TLS_REQUIRE_CERTIFICATE;
    if (p->smtpd_tls_req_ccert)
        log_warning("Can't require client certs unless TLS is required");
    return p->smtpd_tls_ask_ccert ? TLS_ASK_CERTIFICATE : TLS_ASK_NOTHING;
}

/* ---- files ---- */

static struct watch files = WATCH_NONE; /* those that the engine was made of */

struct str tls_setup_changed(void) { return watch_changed(&files); }

/* ---- the engine ---- */

static struct tls_server_settings settings_for(const struct setup *setup, bool mandatory)
{
    const struct smtpd_tls_params *p = &smtpd_tls_conf;
    struct tls_server_settings s = {
        .s = TLS_SETTINGS(smtpd, smtpd_tls_conf),
        .protocols = mandatory ? p->smtpd_tls_mandatory_protocols : p->smtpd_tls_protocols,
        .ciphers = mandatory ? p->smtpd_tls_mandatory_ciphers : p->smtpd_tls_ciphers,
        .exclude_ciphers = p->smtpd_tls_exclude_ciphers,
        .mandatory_exclude_ciphers = mandatory ? p->smtpd_tls_mandatory_exclude_ciphers : STR_NONE,
        .dh_file = p->smtpd_tls_dh1024_param_file,
        .service = service_name(setup->svc),
        .ask = setup->tls.ask,
        .verify_depth = p->smtpd_tls_ccert_verifydepth,
        .always_ids = p->smtpd_tls_always_issue_session_ids,
    };

    s.s.log = setup->tls.log.otherwise;
    s.s.signer = tlsmgr_signer();
    return s;
}

static struct tls_engine *open_engine(const struct setup *setup, bool mandatory)
{
    struct tls_server_settings s = settings_for(setup, mandatory);

    tls_watch_files(&s.s, s.dh_file, &files);
    if (!tlsmgr_open_cache("smtpd", &s.store, &s.session_lifetime)) {
        log_warning("no entropy for TLS key generation: disabling TLS support");
        return NULL;
    }
    s.names = tls_names_open(tls_conf.tls_server_sni_maps, &files);
    s.ticket_keys = tlsmgr_ticket_keys();
    return tls_server_open(&s);
}

bool tls_setup_has_failed(const struct setup *setup)
{
    const struct setup_tls *t = &setup->tls;

    return t->level != TLS_SERVER_NONE && t->engine == NULL && !service_is_standalone(setup->svc);
}

/* sendmail -bs speaks to a pipe: nobody is between its ends. */
void tls_setup_open(struct setup *setup)
{
    const struct smtpd_tls_params *p = &smtpd_tls_conf;
    struct setup_tls *t = &setup->tls;

    t->wraps = p->smtpd_tls_wrappermode;
    t->level = t->wraps
                   ? TLS_SERVER_ENCRYPT
                   : tls_server_level_parse(p->smtpd_tls_security_level, smtpd_conf.smtpd_use_tls,
                                            smtpd_conf.smtpd_enforce_tls);
    if (t->level == TLS_SERVER_NONE || service_is_standalone(setup->svc))
        return;
    bool mandatory = t->level == TLS_SERVER_ENCRYPT;
    t->ask = find_ask(mandatory);
    t->log = tls_log_maps_open(p->smtpd_tls_loglevel_maps, "smtpd_tls_loglevel_maps",
                               tls_log_parse("smtpd_tls_loglevel", p->smtpd_tls_loglevel));
    t->engine = open_engine(setup, mandatory);
}
