/* XCLIENT takes another client's place; XFORWARD only tells who it was, for the log. */
#include "smtpd/xclient.h"

#include "base/number.h"
#include "smtpd/auth.h"
#include "smtpd/greet.h"
#include "smtpd/options.h"
#include "smtpd/peer.h"
#include "smtpd/respond.h"
#include "smtpd/transaction.h"

static struct str value_or_unknown(struct session *s, const struct smtp_xattrs *x,
                                   enum smtp_xattr attr)
{
    return x->kind[attr] == SMTP_XVALUE_GIVEN ? arena_str(&s->arena, x->value[attr])
                                              : STR("unknown");
}

static enum dns_status status_of(enum smtp_xvalue kind)
{
    return kind == SMTP_XVALUE_GIVEN       ? DNS_OK
           : kind == SMTP_XVALUE_TEMPORARY ? DNS_RETRY
                                           : DNS_NOT_FOUND;
}

static void override_endpoints(struct session *s, const struct smtp_xattrs *x)
{
    struct peer *p = &s->peer;
    int64_t port = 0;

    if (x->kind[SMTP_XATTR_ADDR]) {
        p->address = value_or_unknown(s, x, SMTP_XATTR_ADDR);
        p->is_inet = net_addr_parse(p->address, 0, &p->addr);
    }
    if (x->kind[SMTP_XATTR_PORT])
        p->port = value_or_unknown(s, x, SMTP_XATTR_PORT);
    if (number_parse(p->port, &port))
        net_addr_set_port(&p->addr, (int)port);
    if (x->kind[SMTP_XATTR_DESTADDR])
        p->server_address = value_or_unknown(s, x, SMTP_XATTR_DESTADDR);
    if (x->kind[SMTP_XATTR_DESTPORT])
        p->server_port = value_or_unknown(s, x, SMTP_XATTR_DESTPORT);
}

static void override_names(struct session *s, const struct smtp_xattrs *x)
{
    struct peer *p = &s->peer;

    if (x->kind[SMTP_XATTR_NAME]) {
        p->name = value_or_unknown(s, x, SMTP_XATTR_NAME);
        p->name_status = status_of(x->kind[SMTP_XATTR_NAME]);
    }
    if (x->kind[SMTP_XATTR_NAME] == SMTP_XVALUE_GIVEN) {
        p->reverse_name = p->name;
        p->reverse_status = p->name_status;
    }
    if (x->kind[SMTP_XATTR_REVERSE_NAME]) {
        p->reverse_name = value_or_unknown(s, x, SMTP_XATTR_REVERSE_NAME);
        p->reverse_status = status_of(x->kind[SMTP_XATTR_REVERSE_NAME]);
    }
}

/* The peer in front of us vouches for the login, as it does for the address; without a word of it there is none. */
static void override_login(struct session *s, const struct smtp_xattrs *x)
{
    bool given = x->kind[SMTP_XATTR_LOGIN] == SMTP_XVALUE_GIVEN && x->value[SMTP_XATTR_LOGIN].len;
    auth_forget(s);
    if (given)
        s->login =
            (struct login){ arena_str(&s->arena, x->value[SMTP_XATTR_LOGIN]), STR("XCLIENT") };
}

static void override_greeting(struct session *s, const struct smtp_xattrs *x)
{
    s->helo = x->kind[SMTP_XATTR_HELO] == SMTP_XVALUE_GIVEN
                  ? arena_str(&s->arena, x->value[SMTP_XATTR_HELO])
                  : STR_NONE;
}

void xclient_handle(struct session *s, const struct smtp_event *ev)
{
    const struct smtp_xattrs *x = ev->xattrs;

    override_endpoints(s, x);
    override_names(s, x);
    override_login(s, x);
    override_greeting(s, x);
    peer_update_shown(s);
    session_keep(s);
    transaction_end(s);
    options_for_session(s, &s->dialogue.options);
    s->where = SMTP_CMD_XCLIENT;
    transcript_trim(&s->transcript, 0); /* a session of another client begins */
    greet_client(s);
    smtp_server_log_in(&s->dialogue, s->login.name.ptr != NULL);
    if (s->helo.ptr)
        smtp_server_introduced(&s->dialogue,
                               str_equal_nocase(x->value[SMTP_XATTR_PROTO], STR("ESMTP")));
}

/* Who forwards a client tells all of it: what is not said is empty, not our own view. */
static void forward(struct session *s, const struct smtp_xattrs *x, enum smtp_xattr attr,
                    struct str *slot)
{
    if (x->kind[attr] == SMTP_XVALUE_GIVEN)
        *slot = arena_str(&s->arena, x->value[attr]);
    else if (x->kind[attr] || slot->ptr == NULL)
        *slot = STR("");
}

void xforward_handle(struct session *s, const struct smtp_event *ev)
{
    const struct smtp_xattrs *x = ev->xattrs;

    forward(s, x, SMTP_XATTR_NAME, &s->forwarded.name);
    forward(s, x, SMTP_XATTR_ADDR, &s->forwarded.address);
    forward(s, x, SMTP_XATTR_PORT, &s->forwarded.port);
    forward(s, x, SMTP_XATTR_PROTO, &s->forwarded.proto);
    forward(s, x, SMTP_XATTR_HELO, &s->forwarded.helo);
    forward(s, x, SMTP_XATTR_IDENT, &s->forwarded.ident);
    forward(s, x, SMTP_XATTR_SOURCE, &s->forwarded.source);
    session_keep(s);
    respond(s, (struct smtp_reply){ 250, STR("2.0.0 Ok") });
}
