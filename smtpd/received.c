#include "smtpd/received.h"

#include "smtpd/peer.h"
#include "text/address.h"
#include "text/date.h"

#include <time.h>

static void put_date(struct buf *out)
{
    time_t now = time(NULL);
    struct tm local;

    localtime_r(&now, &local);
    date_format(&local, local.tm_gmtoff, str_from_null(local.tm_zone), out);
}

/* SMTP, ESMTP or UTF8SMTP, as registered for "with"; A: the client has logged in. */
static void put_protocol(const struct session *s, struct buf *out)
{
    if (s->t.mail.smtputf8)
        buf_add(out, STR("UTF8SMTP"));
    else
        buf_add(out, session_protocol(s));
    if (s->login.name.ptr && s->dialogue.esmtp) /* RFC 3848 */
        buf_addc(out, 'A');
}

void received_format(const struct session *s, struct buf *out)
{
    if (!smtpd_conf.smtpd_hide_client_session) {
        buf_join(out, STR("Received: from "), s->helo.ptr ? s->helo : s->peer.name, STR(" ("),
                 s->peer.name, STR(" ["));
        peer_format_tagged(&s->peer, out);
        buf_add(out, STR("])\n\tby "));
    } else {
        buf_add(out, STR("Received: by "));
    }
    buf_join(out, site_conf.myhostname, STR(" ("), site_conf.mail_name, STR(")"));
    if (!smtpd_conf.smtpd_hide_client_session) {
        buf_add(out, STR(" with "));
        put_protocol(s, out);
    }
    buf_join(out, STR(" id "), queue_id_str(&s->cleanup.id));
    if (s->t.rcpt_accepted == 1 && !smtpd_conf.smtpd_hide_client_session) {
        buf_add(out, STR("\n\tfor <"));
        address_quote(s->t.first_recipient, out);
        buf_add(out, STR(">; "));
    } else {
        buf_add(out, STR(";\n\t"));
    }
    put_date(out);
    buf_addc(out, '\n');
}
