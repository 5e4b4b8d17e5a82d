#include "smtpd/greet.h"

#include "smtpd/access/access.h"
#include "smtpd/milters.h"
#include "smtpd/misconduct.h"
#include "smtpd/reject_log.h"
#include "smtpd/respond.h"

static void refuse_for_good(struct session *s, struct smtp_reply verdict)
{
    buf_clear(&s->deny_text);
    buf_join(&s->deny_text, STR("5.7.0 Error: access denied for "), s->peer.shown);
    reject_log(s, STR_NONE, verdict);
    respond(s, verdict);
    smtp_server_deny(&s->dialogue, (struct smtp_reply){ 503, buf_str(&s->deny_text) });
}

void greet_client(struct session *s)
{
    struct smtp_reply verdict = access_judge(s, ACCESS_CONNECT, STR_NONE);
    if (reply_refuses(verdict)) {
        refuse_for_good(s, verdict);
        return;
    }
    struct smtp_reply greeting = milters_on_connect(s);
    if (misconduct_early_greeting(s))
        return;
    respond(s, greeting.code ? greeting : (struct smtp_reply){ 220, smtpd_conf.smtpd_banner });
}
