#include "smtpd/milter_macros.h"

#include "smtpd/mail_sink.h"
#include "smtpd/peer.h"
#include "text/address.h"
#include "text/dsn.h"

static struct str keep(struct session *s, const struct buf *text)
{
    return text->ptr ? arena_str(&s->scratch, buf_str(text)) : STR("");
}

static struct str number(struct session *s, int value)
{
    BUF_AUTO(text, 16);

    buf_add_int(&text, value);
    return keep(s, &text);
}

/* Empty is as good as unknown. */
static struct str given(struct str value) { return value.len ? value : STR_NONE; }

/* ---- the client */

/* A name is the client's own claim, unless it leads back to the address. */
static struct str client_shown(struct session *s)
{
    const struct peer *p = &s->peer;
    bool forged = !str_equal(p->name, p->reverse_name);
    BUF_AUTO(text, 0);

    buf_join(&text, p->reverse_name, STR(" ["), p->address, STR("]"),
             forged ? STR(" (may be forged)") : STR(""));
    return keep(s, &text);
}

static struct str client_addr(struct session *s)
{
    BUF_AUTO(text, 0);

    if (s->milters.is_content)
        return s->peer.address;
    peer_format_tagged(&s->peer, &text);
    return keep(s, &text);
}

static struct str client_name(struct session *s) { return s->peer.name; }
static struct str client_ptr(struct session *s) { return s->peer.reverse_name; }

static struct str port(struct str text) { return char_is_digit(text.ptr[0]) ? text : STR("0"); }
static struct str client_port(struct session *s) { return port(s->peer.port); }

static struct str client_connections(struct session *s) { return number(s, s->connections); }

static struct str client_resolve(struct session *s)
{
    const struct peer *p = &s->peer;
    enum dns_status status = p->reverse_status == DNS_OK ? p->name_status : p->reverse_status;

    if (status == DNS_OK)
        return STR("OK");
    if (status == DNS_RETRY)
        return STR("TEMP");
    return p->reverse_status == DNS_OK ? STR("FORGED") : STR("FAIL");
}

static struct str daemon_addr(struct session *s) { return s->peer.server_address; }
static struct str daemon_port(struct session *s) { return port(s->peer.server_port); }

static struct str tls_version(struct session *s) { return s->tls ? s->tls->protocol : STR_NONE; }
static struct str tls_cipher(struct session *s) { return s->tls ? s->tls->cipher : STR_NONE; }
static struct str tls_bits(struct session *s)
{
    return s->tls ? number(s, s->tls->bits) : STR_NONE;
}
static struct str tls_sni(struct session *s) { return s->tls ? given(s->tls->sni) : STR_NONE; }

static struct str cert_subject(struct session *s)
{
    return s->tls && s->tls->trusted ? s->tls->peer_name : STR_NONE;
}

static struct str cert_issuer(struct session *s)
{
    return s->tls && s->tls->trusted ? s->tls->issuer_name : STR_NONE;
}

static struct str auth_type(struct session *s) { return given(s->login.method); }
static struct str auth_authen(struct session *s) { return given(s->login.name); }
static struct str auth_author(struct session *s) { return given(s->t.mail.auth); }

/* ---- the message */

static struct str queue_id(struct session *s)
{
    return s->t.open && s->setup->sink->keeps_mail ? queue_id_str(&s->cleanup.id) : STR_NONE;
}

static struct str external(struct session *s, struct str address)
{
    BUF_AUTO(text, 0);

    if (address.len)
        address = rewrite_address(s->setup->rewriter, REWRITE_LOCAL, address, &s->scratch);
    address_quote(address, &text);
    return keep(s, &text);
}

/* Nobody is in the place of the null sender. */
static struct resolution resolve(struct session *s, struct str address)
{
    if (address.len == 0)
        return (struct resolution){ .transport = STR("local"), .nexthop = site_conf.myhostname };
    return rewrite_resolve(s->setup->rewriter, STR(""), address, &s->scratch);
}

static struct str sender_only(const struct session *s, struct str value)
{
    return s->t.active ? value : STR_NONE;
}

static struct str mail_addr(struct session *s) { return sender_only(s, external(s, s->t.sender)); }
static struct str mail_host(struct session *s)
{
    return sender_only(s, resolve(s, s->t.sender).nexthop);
}
static struct str mail_mailer(struct session *s)
{
    return sender_only(s, resolve(s, s->t.sender).transport);
}

/* Of a recipient that we refused they say why. */
static struct dsn_split rejection(const struct session *s)
{
    return dsn_status_split(s->milters.rejection.text, STR("5.0.0"));
}

static bool is_rejected(const struct session *s) { return s->milters.rejection.code != 0; }

static struct str rcpt_addr(struct session *s)
{
    if (s->milters.recipient.ptr == NULL)
        return STR_NONE;
    return is_rejected(s) ? rejection(s).text : external(s, s->milters.recipient);
}

static struct str rcpt_host(struct session *s)
{
    if (s->milters.recipient.ptr == NULL)
        return STR_NONE;
    return is_rejected(s) ? rejection(s).status : resolve(s, s->milters.recipient).nexthop;
}

static struct str rcpt_mailer(struct session *s)
{
    if (s->milters.recipient.ptr == NULL)
        return STR_NONE;
    return is_rejected(s) ? STR("error") : resolve(s, s->milters.recipient).transport;
}

/* ---- ourselves */

static struct str host(struct session *s UNUSED) { return site_conf.myhostname; }
static struct str version(struct session *s UNUSED) { return milter_conf.milter_macro_v; }
static struct str daemon_name(struct session *s UNUSED)
{
    return milter_conf.milter_macro_daemon_name;
}

static const struct {
    struct str name;
    struct str (*value)(struct session *s);
    bool in_content; /* for headers and body, too */
} macros[] = {
    { STR("j"), host, true },
    { STR("v"), version, true },
    { STR("_"), client_shown, true },
    { STR("i"), queue_id, true },
    { STR("daemon_name"), daemon_name, true },
    { STR("daemon_addr"), daemon_addr, true },
    { STR("daemon_port"), daemon_port, true },
    { STR("client_addr"), client_addr, true },
    { STR("client_name"), client_name, true },
    { STR("client_ptr"), client_ptr, true },
    { STR("client_port"), client_port, true },
    { STR("client_connections"), client_connections, false },
    { STR("client_resolve"), client_resolve, false },
    { STR("tls_version"), tls_version, false },
    { STR("cipher"), tls_cipher, false },
    { STR("cipher_bits"), tls_bits, false },
    { STR("tls_sni"), tls_sni, false },
    { STR("cert_subject"), cert_subject, false },
    { STR("cert_issuer"), cert_issuer, false },
    { STR("auth_type"), auth_type, true },
    { STR("auth_authen"), auth_authen, true },
    { STR("auth_author"), auth_author, true },
    { STR("mail_addr"), mail_addr, false },
    { STR("mail_host"), mail_host, false },
    { STR("mail_mailer"), mail_mailer, false },
    { STR("rcpt_addr"), rcpt_addr, false },
    { STR("rcpt_host"), rcpt_host, false },
    { STR("rcpt_mailer"), rcpt_mailer, false },
};

struct str milter_macro_of_session(void *session, struct str name)
{
    struct session *s = session;

    for (size_t i = 0; i < ARRAY_LEN(macros); i++)
        if (str_equal(name, macros[i].name))
            return macros[i].in_content || !s->milters.is_content ? macros[i].value(s) : STR_NONE;
    return STR_NONE;
}
