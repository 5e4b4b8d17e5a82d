#include "smtpd/received.h"

#include "smtpd/mail_sink.h"
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

/* A comment in a header: parentheses in pairs, nothing quoted, ASCII. */
static void put_comment_text(struct str text, struct buf *out)
{
    unsigned depth = 0;

    for (size_t i = 0; i < text.len; i++) {
        char c = text.ptr[i];
        bool bad = c == '\\' || char_is_control(c) || (unsigned char)c > 126;
        depth += c == '(';
        bad |= c == ')' && depth == 0;
        depth -= c == ')' && depth > 0;
        buf_addc(out, (char)(bad ? '?' : c));
    }
    while (depth-- > 0)
        buf_addc(out, ')');
}

/* Of a name in a certificate not even brackets that have their partner are left. */
static void put_name(struct str name, struct buf *out)
{
    for (size_t i = 0; i < name.len; i++) {
        char c = name.ptr[i];
        bool harmless = !strchr("()\\\"", c) && !char_is_control(c);
        buf_addc(out, (char)(harmless ? c : '?'));
    }
}

static void put_signature(const char *who, struct str signature, struct str digest, struct buf *out)
{
    if (signature.len == 0)
        return;
    buf_addf(out, " %s-signature " STR_FMT, who, STR_ARG(signature));
    if (digest.len)
        buf_addf(out, " %s-digest " STR_FMT, who, STR_ARG(digest));
}

static void put_client_certificate(const struct session *s, struct buf *out)
{
    const struct tls_facts *t = s->tls;

    if (!t->has_certificate) {
        buf_add(out, s->setup->tls.ask == TLS_ASK_NOTHING
                         ? STR("\t(No client certificate requested)\n")
                         : STR("\t(Client did not present a certificate)\n"));
        return;
    }
    buf_add(out, STR("\t(Client CN \""));
    put_name(t->peer_name, out);
    buf_add(out, STR("\", Issuer \""));
    put_name(t->issuer_name, out);
    buf_join(out, STR("\" ("), t->trusted ? STR("verified OK") : STR("not verified"), STR("))\n"));
}

/* smtpd_tls_received_header. */
static void put_tls(const struct session *s, struct buf *out)
{
    const struct tls_facts *t = s->tls;

    buf_addf(out, "\t(using " STR_FMT " with cipher " STR_FMT " (%d/%d bits)", STR_ARG(t->protocol),
             STR_ARG(t->cipher), t->bits, t->algorithm_bits);
    if (t->key_exchange.len) {
        buf_join(out, STR("\n\t key-exchange "), t->key_exchange);
        put_signature("server", t->server_signature, t->server_digest, out);
    }
    if (t->client_signature.len) {
        buf_add(out, STR("\n\t"));
        put_signature("client", t->client_signature, t->client_digest, out);
    }
    buf_add(out, STR(")\n"));
    put_client_certificate(s, out);
}

/* SMTP, ESMTP or UTF8SMTP, as registered for "with"; S: over TLS, A: the client has logged in (RFC 3848). */
static void put_protocol(const struct session *s, struct buf *out)
{
    if (s->t.mail.smtputf8)
        buf_add(out, STR("UTF8SMTP"));
    else
        buf_add(out, session_protocol(s));
    if (s->tls && s->dialogue.esmtp)
        buf_addc(out, 'S');
    if (s->login.name.ptr && s->dialogue.esmtp)
        buf_addc(out, 'A');
}

static void put_login(const struct session *s, struct buf *out)
{
    if (!smtpd_conf.smtpd_sasl_authenticated_header || s->login.name.len == 0)
        return;
    buf_add(out, STR("(Authenticated sender: "));
    put_comment_text(s->login.name, out);
    buf_add(out, STR(")\n\t"));
}

void received_format(const struct session *s, struct buf *out)
{
    if (!smtpd_conf.smtpd_hide_client_session) {
        buf_join(out, STR("Received: from "), s->helo.ptr ? s->helo : s->peer.name, STR(" ("),
                 s->peer.name, STR(" ["));
        peer_format_tagged(&s->peer, out);
        buf_add(out, STR("])\n"));
        if (s->tls && smtpd_tls_conf.smtpd_tls_received_header)
            put_tls(s, out);
        buf_addc(out, '\t');
        put_login(s, out);
    } else {
        buf_add(out, STR("Received: "));
    }
    buf_join(out, STR("by "), site_conf.myhostname, STR(" ("), site_conf.mail_name, STR(")"));
    if (!smtpd_conf.smtpd_hide_client_session) {
        buf_add(out, STR(" with "));
        put_protocol(s, out);
    }
    if (s->setup->sink->keeps_mail)
        buf_join(out, STR(" id "), queue_id_str(&s->cleanup.id));
    if (s->t.rcpt_accepted == 1 && !smtpd_conf.smtpd_hide_client_session) {
        buf_add(out, STR("\n\tfor <"));
        address_quote(s->t.first_rcpt.address, out);
        buf_add(out, STR(">; "));
    } else {
        buf_add(out, STR(";\n\t"));
    }
    put_date(out);
    buf_addc(out, '\n');
}
