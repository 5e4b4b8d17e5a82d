#include "smtpd/starttls.h"

#include "base/log.h"
#include "client/tlsmgr.h"
#include "smtpd/auth.h"
#include "smtpd/limits.h"
#include "smtpd/milters.h"
#include "smtpd/options.h"
#include "smtpd/respond.h"
#include "smtpd/wire.h"
/* ---- the handshake ---- */

/* Says nothing and hangs up. */
static bool give_up(struct session *s)
{
    wire_part(s, (struct smtp_reply){ .code = 0 });
    return false;
}

/* `limit`: what to say to a client that makes new sessions too fast. */
static bool shake_hands(struct session *s, struct smtp_reply *limit)
{
    int seconds = smtpd_conf.smtpd_starttls_timeout;
    struct tls_server_wish wish = { .peer = s->peer.shown,
                                    .log = tls_log_maps_find(&s->setup->tls.log, s->peer.name,
                                                             s->peer.address),
                                    .early = s->early,
                                    .until = deadline_in(seconds),
                                    .end_ms = (int64_t)seconds * 1000 };

    *limit = (struct smtp_reply){ 0 };
    s->tls = wire_start_tls(s, s->setup->tls.engine, &wish);
    if (s->tls == NULL || !s->tls->resumed)
        *limit = limits_on_new_tls(s);
    if (s->tls == NULL) {
        s->end_reason = "lost connection";
        smtp_server_not_secured(&s->dialogue);
        return false;
    }
    smtp_server_secured(&s->dialogue);
    options_for_session(s, &s->dialogue.options); /* AUTH may be another one now */
    return true;
}

/* What is said to a client without the certificate that it must have; code 0: nothing. */
static struct smtp_reply lacks_certificate(struct session *s)
{
    BUF_AUTO(text, 512);

    if (s->setup->tls.ask != TLS_REQUIRE_CERTIFICATE || s->tls->trusted)
        return (struct smtp_reply){ 0 };
    const char *why = s->tls->has_certificate ? "Client certificate not trusted"
                                              : "No client certificate presented";
    log_info("NOQUEUE: abort: TLS from " STR_FMT ": %s", STR_ARG(s->peer.shown), why);
    buf_join(&text, STR("4.7.1 "), site_conf.myhostname, STR(" Error: "), str_from(why));
    buf_clear(&s->deny_text);
    buf_add(&s->deny_text, buf_str(&text));
    return (struct smtp_reply){ 421, buf_str(&s->deny_text) };
}

/* What was said in plain text, anybody may have said. */
static void forget(struct session *s)
{
    s->helo = STR_NONE;
    auth_forget(s);
}

static bool is_ready(const struct session *s)
{
    return s->setup->tls.engine && !tlsmgr_lacks_keys();
}

void starttls_handle(struct session *s, const struct smtp_event *ev)
{
    (void)ev;
    if (milters_bar(s, SMTP_CMD_STARTTLS))
        return;
    if (!is_ready(s)) {
        respond(s, (struct smtp_reply){ 454, STR("4.7.0 TLS not available due to local problem") });
        return;
    }
    struct smtp_reply limit = limits_before_tls(s, "STARTTLS request");
    if (limit.code) {
        respond(s, limit);
        return;
    }
    respond(s, (struct smtp_reply){ 220, STR("2.0.0 Ready to start TLS") });
    if (!wire_flush(s) || !shake_hands(s, &limit))
        return;
    forget(s);
    struct smtp_reply objection = lacks_certificate(s);
    if (limit.code)
        wire_part(s, limit);
    else if (objection.code)
        smtp_server_deny(&s->dialogue, objection);
}

bool starttls_at_once(struct session *s, struct smtp_reply *objection)
{
    struct smtp_reply limit;

    if (!is_ready(s)) {
        log_warning("Wrapper-mode request dropped from " STR_FMT " for service " STR_FMT
                    ". TLS context initialization failed. For details see earlier warnings in your "
                    "logs.",
                    STR_ARG(s->peer.shown), STR_ARG(service_name(s->setup->svc)));
        return give_up(s);
    }
    if (limits_before_tls(s, "TLS service request").code)
        return give_up(s);
    if (!shake_hands(s, &limit))
        return false;
    if (objection->code == 0)
        *objection = limit;
    if (objection->code == 0)
        *objection = lacks_certificate(s);
    return true;
}
