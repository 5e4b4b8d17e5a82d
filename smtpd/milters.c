#include "smtpd/milters.h"

#include "base/log.h"
#include "smtpd/mail_sink.h"
#include "smtpd/milter_macros.h"
#include "smtpd/reject_log.h"
#include "smtpd/respond.h"
#include "text/dsn.h"

#define NONE ((struct smtp_reply){ 0 })

/* ---- which filters */

/* Whom a process may reach must be known before its jail. */
static void foresee_list(struct setup *setup, struct str spec, struct str text)
{
    struct milter_list list;

    if (!str_equal_nocase(str_trim(text), STR("DISABLE")) &&
        !milter_list_find(&setup->milter_site, text, &setup->milter_site.arena, &list))
        log_warning("smtpd_milter_maps: " STR_FMT ": no list of filters: " STR_FMT, STR_ARG(spec),
                    STR_ARG(text));
}

/* All that a table may say, as far as it can be found out. */
static void foresee(struct setup *setup, struct str spec)
{
    struct table *t = table_open(spec, TABLE_DEFAULT | TABLE_QUIET, NULL);
    struct str result;
    BUF_AUTO(position, 0);
    BUF_AUTO(key, 0);
    BUF_AUTO(value, 0);

    while (table_can_list(t) && table_next(t, &position, &key, &value) == TABLE_FOUND)
        foresee_list(setup, spec, buf_str(&value));
    for (size_t i = 0; table_result_at(t, i, &result); i++)
        foresee_list(setup, spec, result);
    table_close(t);
}

void milters_open(struct setup *setup)
{
    struct str maps = smtpd_conf.smtpd_milter_maps, spec;

    setup->milter_maps = table_list_open(maps, "smtpd_milter_maps", TABLE_DEFAULT);
    if (setup->no_milters || service_is_standalone(setup->svc) ||
        (smtpd_conf.smtpd_milters.len == 0 && maps.len == 0))
        return;
    setup->has_milters = true;
    milter_site_open(&setup->milter_site, setup->connector);
    milter_list_open(&setup->milter_site, smtpd_conf.smtpd_milters, &setup->milters);
    while (str_token_braced(&maps, ", \t\r\n", &spec, NULL))
        foresee(setup, spec);
}

/* False: a table names something that makes no sense; then no mail goes by unfiltered. */
static bool choose_list(struct session *s, struct milter_list *list)
{
    const struct setup *setup = s->setup;
    BUF_AUTO(value, 0);

    *list = setup->milters;
    if (table_list_is_empty(setup->milter_maps))
        return true;
    switch (table_list_lookup_ip(setup->milter_maps, s->peer.address, &value)) {
    case TABLE_FOUND:
        break;
    case TABLE_NOT_FOUND:
        return true;
    default:
        return false;
    }
    *list = (struct milter_list){ .items = NULL };
    if (str_equal_nocase(str_trim(buf_str(&value)), STR("DISABLE")))
        return true;
    return milter_list_find(&setup->milter_site, buf_str(&value), &s->milters.arena, list);
}

/* ---- answers */

/* soft_bounce, on every line. */
static struct smtp_reply softened(struct session *s, struct smtp_reply r)
{
    BUF_AUTO(text, 0);

    if (!site_conf.soft_bounce || r.code < 500)
        return r;
    for (struct str rest = r.text; rest.ptr;) {
        size_t end = str_find(rest, '\n');
        struct str line = str_sub(rest, 0, end);
        rest = end == STR_NOT_FOUND ? STR_NONE : str_skip(rest, end + 1);
        bool status = dsn_status_length(line) && line.ptr[0] == '5';
        buf_join(&text, status ? STR("4") : STR(""), status ? str_skip(line, 1) : line,
                 rest.ptr ? STR("\n") : STR(""));
    }
    return (struct smtp_reply){ r.code - 100, arena_str(&s->scratch, buf_str(&text)) };
}

static struct smtp_reply reply_of(struct session *s, const struct milter_verdict *v)
{
    return softened(s, (struct smtp_reply){ v->code, v->text });
}

/* As it goes out, on one line. */
static void log_reply(struct session *s, struct str recipient, struct smtp_reply reply)
{
    BUF_AUTO(text, 0);

    smtp_reply_format(reply, &text);
    buf_truncate(&text, text.len - 2);
    for (size_t i = 0; i < text.len; i++)
        if (char_is_control(text.ptr[i]))
            text.ptr[i] = '?';
    s->faults |= FAULT_POLICY;
    reject_log_milter(s, "milter-reject", recipient, buf_str(&text));
}

static void discard(struct session *s, struct str recipient)
{
    reject_log_milter(s, "milter-discard", recipient, STR("milter triggers DISCARD action"));
    s->t.actions.discard = true;
    milter_chain_ignore_message(&s->milters.chain);
}

/* A message is held once, however many ask for it. */
static void hold(struct session *s, struct str recipient, struct str reason)
{
    if (!s->milters.held)
        reject_log_milter(s, "milter-hold", recipient, milter_hold_reason(reason));
    s->milters.held = true;
    s->t.actions.hold = true;
}

/* What an event of a message came to. */
static struct smtp_reply take_verdict(struct session *s, struct str recipient,
                                      struct milter_verdict v)
{
    if (v.outcome == MILTER_HOLDS)
        hold(s, recipient, v.text);
    if (v.outcome == MILTER_DISCARDS)
        discard(s, recipient);
    if (v.outcome != MILTER_REFUSES)
        return NONE;
    struct smtp_reply reply = reply_of(s, &v);
    log_reply(s, recipient, reply);
    return reply;
}

/* ---- the connection and the greeting */

static char family_of(const struct session *s)
{
    if (str_equal(s->peer.address, STR("unknown")))
        return 'U';
    return str_has(s->peer.address, ':') ? '6' : '4';
}

static void describe_client(const struct session *s, struct buf *out)
{
    const struct peer *p = &s->peer;
    bool known = !str_equal(p->name, STR("unknown"));
    BUF_AUTO(host, 0);

    if (known)
        buf_add(&host, p->name);
    else
        buf_join(&host, STR("["), p->address, STR("]"));
    milter_put_connect(out, buf_str(&host), family_of(s), net_addr_port(&p->addr), p->address);
}

/* What was said to the session, not to a message, is not forgotten. */
static void remember(struct session *s, const struct milter_verdict *v)
{
    if (v->outcome != MILTER_REFUSES)
        return;
    s->milters.objection = *v;
    log_reply(s, STR_NONE, reply_of(s, v));
}

static struct smtp_reply greeting(struct session *s)
{
    struct smtp_reply reply = reply_of(s, &s->milters.objection);
    bool for_now = s->milters.objection.code == 421;
    BUF_AUTO(text, 512);

    if (s->milters.objection.outcome != MILTER_REFUSES || (reply.code < 500 && !for_now))
        return NONE;
    buf_join(&text, site_conf.myhostname,
             for_now ? STR(" Service unavailable - try again later")
                     : STR(" ESMTP not accepting connections"));
    return (struct smtp_reply){ for_now ? 421 : 554, arena_str(&s->scratch, buf_str(&text)) };
}

struct smtp_reply milters_on_connect(struct session *s)
{
    struct milter_list list;
    struct milter_verdict v = { MILTER_REFUSES, 451,
                                STR("4.3.5 Server configuration problem - try again later") };
    BUF_AUTO(client, 0);

    milters_on_disconnect(s);
    if (!s->setup->has_milters)
        return NONE;
    if (choose_list(s, &list)) {
        if (list.count == 0)
            return NONE;
        s->milters.list = list;
        milter_chain_init(&s->milters.chain, &s->setup->milter_site, &s->milters.list,
                          milter_macro_of_session, s);
        describe_client(s, &client);
        v = milter_chain_connect(&s->milters.chain, buf_str(&client));
    }
    remember(s, &v);
    return greeting(s);
}

void milters_on_disconnect(struct session *s)
{
    struct session_milters *m = &s->milters;

    if (milter_chain_is_open(&m->chain)) {
        if (s->helo.ptr)
            milter_chain_end_message(&m->chain);
        milter_chain_close(&m->chain);
    }
    arena_free(&m->arena);
    *m = (struct session_milters){ .arena = ARENA_INIT };
}

bool milters_on_helo(struct session *s, enum smtp_event_kind kind, bool again)
{
    struct session_milters *m = &s->milters;
    BUF_AUTO(name, 0);
    BUF_AUTO(text, 512);

    if (milter_chain_is_open(&m->chain)) {
        milter_put_string(&name, s->helo);
        struct milter_verdict v = milter_chain_event(&m->chain, MILTER_HELO, buf_str(&name));
        if (again)
            milter_chain_end_message(&m->chain);
        remember(s, &v);
    }
    if (m->objection.outcome != MILTER_REFUSES)
        return false;
    struct smtp_reply reply = reply_of(s, &m->objection);
    if (reply.code == 421) {
        respond(s, reply);
        return true;
    }
    if (kind != SMTP_EHLO || reply.code < 500)
        return false;
    buf_join(&text, site_conf.myhostname, STR("\nENHANCEDSTATUSCODES"));
    respond(s, (struct smtp_reply){ 250, buf_str(&text) });
    return true;
}

bool milters_bar(struct session *s, enum smtp_command command)
{
    const struct milter_verdict *v = &s->milters.objection;
    bool setting_up = command == SMTP_CMD_STARTTLS || command == SMTP_CMD_AUTH;

    if (v->outcome != MILTER_REFUSES)
        return false;
    respond(s, setting_up && v->code < 500
                   ? (struct smtp_reply){ 454, STR("4.3.0 Try again later") }
                   : reply_of(s, v));
    return true;
}

/* ---- a message */

/* The address as it was typed, and the parameters behind it. */
static void split_command(struct str line, struct buf *out)
{
    struct str rest = str_skip(line, str_find(line, ':') + 1), word;
    bool quoted = false;
    size_t end = 0;

    rest = str_trim(rest);
    bool bracketed = str_starts(rest, STR("<"));
    for (; end < rest.len; end++) {
        char c = rest.ptr[end];
        if (c == '\\' && end + 1 < rest.len)
            end++;
        else if (c == '"')
            quoted = !quoted;
        else if (!quoted && (bracketed ? c == '>' : char_is_space(c)))
            break;
    }
    if (bracketed && end < rest.len)
        end++;
    milter_put_string(out, str_sub(rest, 0, end));
    rest = str_skip(rest, end);
    while (str_token(&rest, " \t", &word))
        milter_put_string(out, word);
}

static struct smtp_reply envelope_event(struct session *s, enum milter_event event,
                                        struct str recipient, struct str payload)
{
    if (!milter_chain_is_open(&s->milters.chain) || s->t.actions.discard)
        return NONE;
    struct milter_verdict v = milter_chain_event(&s->milters.chain, event, payload);
    return take_verdict(s, recipient, v);
}

struct smtp_reply milters_on_mail(struct session *s, struct str line)
{
    BUF_AUTO(payload, 0);

    if (!milter_chain_is_open(&s->milters.chain)) /* a list that could not be had objects, too */
        return take_verdict(s, STR_NONE, s->milters.objection);
    milter_chain_begin_message(&s->milters.chain);
    s->milters.heard = true;
    split_command(line, &payload);
    return envelope_event(s, MILTER_MAIL, STR_NONE, buf_str(&payload));
}

struct smtp_reply milters_on_rcpt(struct session *s, const struct smtp_rcpt *rcpt, struct str line)
{
    BUF_AUTO(payload, 0);

    if (!milter_chain_is_open(&s->milters.chain))
        return NONE;
    s->milters.recipient = rcpt->address;
    split_command(line, &payload);
    struct smtp_reply reply = envelope_event(s, MILTER_RCPT, rcpt->address, buf_str(&payload));
    s->milters.recipient = STR_NONE;
    return reply;
}

void milters_on_rejected_rcpt(struct session *s, const struct smtp_rcpt *rcpt, struct str line,
                              struct smtp_reply reply)
{
    BUF_AUTO(payload, 0);

    if (!milter_chain_is_open(&s->milters.chain) || s->t.actions.discard)
        return;
    s->milters.recipient = rcpt->address;
    s->milters.rejection = reply;
    split_command(line, &payload);
    milter_chain_rejected_rcpt(&s->milters.chain, buf_str(&payload));
    s->milters.recipient = STR_NONE;
    s->milters.rejection = NONE;
}

struct smtp_reply milters_on_data(struct session *s)
{
    return envelope_event(s, MILTER_DATA, STR_NONE, STR(""));
}

struct smtp_reply milters_on_unknown(struct session *s, struct str line)
{
    BUF_AUTO(payload, 0);

    if (!milter_chain_is_open(&s->milters.chain))
        return NONE;
    milter_put_string(&payload, line);
    struct milter_verdict v =
        milter_chain_event(&s->milters.chain, MILTER_UNKNOWN, buf_str(&payload));
    return v.outcome == MILTER_REFUSES && v.code < 500 ? reply_of(s, &v) : NONE;
}

void milters_hand_over(struct session *s)
{
    struct milter_chain *chain = &s->milters.chain;

    int count = 0;

    s->milters.is_content = true;
    for (size_t i = 0; i < chain->count && i < CLEANUP_MILTERS_MAX; i++) {
        struct milter_client *c = &chain->clients[i];
        BUF_AUTO(macros, 0);
        c->handed_over = 0;
        if (c->condition != MILTER_IS_READY)
            continue;
        struct cleanup_milter given = milter_client_describe(chain, c, &macros);
        cleanup_client_pass_milter(&s->cleanup, &given, buf_str(&macros), c->stream.fd);
        c->handed_over = ++count;
    }
    s->milters.is_content = false;
}

void milters_end_message(struct session *s)
{
    if (s->milters.heard)
        milter_chain_end_message(&s->milters.chain);
    s->milters.heard = s->milters.held = false;
}
