#include "cleanup/milters.h"

#include "base/log.h"
#include "base/number.h"
#include "cleanup/edits.h"
#include "cleanup/held.h"
#include "client/milter.h"
#include "ipc/connector.h"
#include "text/address.h"

#include <sys/socket.h>

void milters_setup(struct cleanup *c)
{
    milter_site_open(&c->milter_site, connector_shared());
    milter_list_open(&c->milter_site, cleanup_conf.non_smtpd_milters, &c->milters);
}

/* ---- whose they are */

void milters_begin(struct message *m)
{
    m->has_local_milters = (m->flags & CLEANUP_FLAG_MILTER) && m->c->milters.count > 0;
    m->may_change = m->has_local_milters || (m->flags & CLEANUP_FLAG_MILTERS_COME);
}

static struct milter_filter *filter_of(struct message *m, const struct cleanup_milter *given)
{
    struct milter_filter *filter = arena_alloc(&m->arena, sizeof *filter);

    filter->name = arena_str(&m->arena, given->name);
    filter->entry = -1;
    filter->settings.command_timeout = given->command_timeout;
    filter->settings.content_timeout = given->content_timeout;
    filter->settings.default_action = arena_str(&m->arena, given->default_action);
    return filter;
}

static bool makes_sense(const struct cleanup_milter *given, size_t macros)
{
    return given->command_timeout > 0 && given->content_timeout > 0 && given->header_macros >= 0 &&
           (size_t)given->header_macros <= macros;
}

bool milters_take(struct message *m, struct str body, int fd)
{
    struct cleanup_milter given;

    if (fd < 0 || !(m->flags & CLEANUP_FLAG_MILTERS_COME) || m->stage != STAGE_ENVELOPE ||
        m->chain.count >= CLEANUP_MILTERS_MAX || !cleanup_milter_decode(&body, &given) ||
        !makes_sense(&given, body.len)) {
        fd_close(&fd);
        return false;
    }
    if (!milter_chain_is_open(&m->chain))
        milter_chain_init_taken(&m->chain, &m->c->milter_site, CLEANUP_MILTERS_MAX);
    struct str macros = arena_str(&m->arena, body);
    milter_chain_take(&m->chain, filter_of(m, &given), &given, macros, fd);
    return true;
}

void milters_hold(struct message *m)
{
    if (m->has_local_milters || milter_chain_is_open(&m->chain))
        m->held = held_new(&m->arena);
    m->may_change = m->held != NULL;
}

void milters_end(struct message *m)
{
    if (m->has_local_milters)
        milter_chain_close(&m->chain);
    else
        milter_chain_release(&m->chain);
    held_free(m->held);
}

/* ---- what they decide */

void milters_hold_message(struct message *m, struct str reason)
{
    if (!(m->flags & CLEANUP_FLAG_HOLD))
        message_log_milter(m, "milter-hold", m->milter_event, milter_hold_reason(reason));
    m->flags |= CLEANUP_FLAG_HOLD;
}

/* What a reply says behind its first code, on one line: `end_of_line` stands for each CRLF. */
static void format_refusal(const struct milter_verdict *v, const char *end_of_line, struct buf *out)
{
    struct str rest = v->text;

    for (bool first = true; rest.ptr; first = false) {
        size_t end = str_find(rest, '\n');
        if (!first)
            buf_addf(out, "%s%d%c", end_of_line, v->code, end == STR_NOT_FOUND ? ' ' : '-');
        buf_add(out, str_sub(rest, 0, end));
        rest = end == STR_NOT_FOUND ? STR_NONE : str_skip(rest, end + 1);
    }
}

/* The submitter of local mail has no use for a reply: its sender gets a report, or it is tried again. */
static void refuse_local(struct message *m, const struct milter_verdict *v)
{
    BUF_AUTO(text, 0);

    if (m->milter_event == MILTER_RCPT) {
        log_warning("%s: milter configuration error: can't reject recipient in non-smtpd(8) "
                    "submission",
                    message_id(m));
        log_warning("%s: message not accepted, try again later", message_id(m));
        message_fail(m, CLEANUP_DEFER, STR_NONE);
    } else if (v->code < 500) {
        message_fail(m, CLEANUP_DEFER, STR_NONE);
    } else {
        format_refusal(v, "__", &text);
        message_fail(m, CLEANUP_CONTENT, buf_str(&text));
    }
}

static void refuse(struct message *m, const struct milter_verdict *v)
{
    BUF_AUTO(text, 0);

    format_refusal(v, "??", &text);
    message_log_milter(m, "milter-reject", m->milter_event, buf_str(&text));
    if (m->has_local_milters) {
        refuse_local(m, v);
        return;
    }
    message_log_removal(m, "canceled");
    buf_clear(&text);
    buf_addf(&text, "%d ", v->code);
    buf_add(&text, v->text);
    message_fail(m, CLEANUP_REPLY, buf_str(&text));
}

/* False: nobody needs to see more of it. */
static bool goes_on(struct message *m, struct milter_verdict v)
{
    switch (v.outcome) {
    case MILTER_PASSES:
        break;
    case MILTER_HOLDS:
        milters_hold_message(m, v.text);
        break;
    case MILTER_DISCARDS:
        message_log_milter(m, "milter-discard", m->milter_event,
                           STR("milter triggers DISCARD action"));
        m->flags |= CLEANUP_FLAG_DISCARD;
        break;
    case MILTER_REFUSES:
        refuse(m, &v);
        break;
    }
    return m->status == CLEANUP_OK && !(m->flags & CLEANUP_FLAG_DISCARD);
}

/* ---- the content, to one of them */

struct show {
    struct message *m;
    struct milter_client *to;
    struct milter_verdict verdict;
};

/* True: it wants to hear the next event. */
static bool say(struct show *s, enum milter_event event, struct str payload)
{
    s->verdict = milter_client_say(&s->m->chain, s->to, event, payload, NULL, NULL);
    if (s->verdict.outcome == MILTER_HOLDS)
        milters_hold_message(s->m, s->verdict.text);
    return s->verdict.outcome <= MILTER_HOLDS && s->to->condition == MILTER_IS_READY;
}

static bool show_header(struct show *s, struct str header)
{
    bool exact = s->to->machine.steps & MILTER_LEADING_SPACE;
    struct str value = header, name = str_trim(str_cut(&value, ':'));
    BUF_AUTO(payload, 0);

    if (!exact)
        (void)str_skip_prefix(&value, STR(" "));
    milter_put_string(&payload, name);
    milter_put_string(&payload, value);
    return say(s, MILTER_HEADER, buf_str(&payload));
}

static bool show_headers(struct show *s)
{
    const struct held *h = s->m->held;

    for (size_t i = 0; i < h->count; i++)
        if (!h->headers[i].is_own && !show_header(s, h->headers[i].text))
            return false;
    return say(s, MILTER_EOH, STR(""));
}

static bool show_full_pieces(struct show *s, struct buf *piece)
{
    while (piece->len >= MILTER_BODY_MAX) {
        if (!say(s, MILTER_BODY, str_sub(buf_str(piece), 0, MILTER_BODY_MAX)))
            return false;
        buf_consume(piece, MILTER_BODY_MAX);
    }
    return true;
}

static bool show_body(struct show *s)
{
    struct held_reader reader;
    struct record rec;
    bool more = true;
    BUF_AUTO(piece, 0);

    held_reader_init(&reader, s->m->held);
    while (more && held_read(&reader, &rec)) {
        buf_join(&piece, rec.payload, rec.type == REC_TEXT ? STR("\r\n") : STR(""));
        more = show_full_pieces(s, &piece);
    }
    held_reader_fini(&reader);
    return more && (piece.len == 0 || say(s, MILTER_BODY, buf_str(&piece)));
}

/* The end of the message, when the changes come. */
static void ask_for_changes(struct show *s)
{
    struct edits edits = { .m = s->m, .by = s->to, .verdict = MILTER_NO_OBJECTION };

    s->verdict = milter_client_say(&s->m->chain, s->to, MILTER_EOM, STR(""), edits_make, &edits);
    edits_finish(&edits);
    if (edits.verdict.outcome > s->verdict.outcome)
        s->verdict = edits.verdict;
    /* Half of a new body is no body. */
    if (edits.body_begun && s->to->failed && s->verdict.outcome == MILTER_PASSES &&
        s->m->status == CLEANUP_OK)
        s->verdict =
            (struct milter_verdict){ MILTER_REFUSES, 421, STR("4.7.0 Service unavailable") };
}

static bool show(struct message *m, struct milter_client *c)
{
    struct show s = { .m = m, .to = c, .verdict = MILTER_NO_OBJECTION };

    if (c->condition != MILTER_IS_READY)
        return true;
    if (show_headers(&s) && show_body(&s))
        ask_for_changes(&s);
    return goes_on(m, s.verdict);
}

/* ---- what a client would have said, for mail of this host */

static struct str client_address(const struct message *m)
{
    bool v6_only = str_equal_nocase(site_conf.inet_protocols, STR("ipv6"));

    if (m->env.client_address.len)
        return m->env.client_address;
    return v6_only ? STR("::1") : STR("127.0.0.1");
}

static struct str client_name(const struct message *m)
{
    return m->env.client_name.len ? m->env.client_name : STR("localhost");
}

static struct str external(struct message *m, struct str address)
{
    BUF_AUTO(text, 0);

    address_quote(address, &text);
    return arena_str(&m->arena, text.ptr ? buf_str(&text) : STR(""));
}

/* The name and the address that are known of whoever submitted it. */
static struct str client_shown(struct message *m)
{
    struct str reverse = m->env.reverse_name.len ? m->env.reverse_name : client_name(m);
    BUF_AUTO(text, 0);

    buf_join(&text, reverse, STR(" ["), client_address(m), STR("]"));
    return arena_str(&m->arena, buf_str(&text));
}

static struct str given(struct str value) { return value.len ? value : STR_NONE; }

static struct str macro_of_message(void *context, struct str name)
{
    struct message *m = context;
    bool has_sender = m->milter_event >= MILTER_MAIL;
    const struct {
        struct str name, value;
    } macros[] = {
        { STR("i"), has_sender ? queue_id_str(&m->c->writer.id) : STR_NONE },
        { STR("j"), site_conf.myhostname },
        { STR("v"), milter_conf.milter_macro_v },
        { STR("daemon_name"), milter_conf.milter_macro_daemon_name },
        { STR("daemon_addr"),
          m->env.server_address.len ? m->env.server_address : client_address(m) },
        { STR("daemon_port"), m->env.server_port.len ? m->env.server_port : STR("0") },
        { STR("client_addr"), client_address(m) },
        { STR("client_name"), client_name(m) },
        { STR("client_ptr"), m->env.reverse_name.len ? m->env.reverse_name : client_name(m) },
        { STR("client_port"), m->env.client_port.len ? m->env.client_port : STR("0") },
        { STR("auth_type"), given(m->env.sasl_method) },
        { STR("auth_authen"), given(m->env.sasl_username) },
        { STR("auth_author"), given(m->env.sasl_sender) },
        { STR("mail_addr"), has_sender ? m->milter_sender : STR_NONE },
        { STR("rcpt_addr"), m->milter_recipient },
    };

    if (str_equal(name, STR("_")))
        return client_shown(m);
    for (size_t i = 0; i < ARRAY_LEN(macros); i++)
        if (str_equal(name, macros[i].name))
            return macros[i].value;
    return STR_NONE;
}

static bool tell(struct message *m, enum milter_event event, struct str text)
{
    BUF_AUTO(payload, 0);

    m->milter_event = event;
    if (text.ptr)
        milter_put_string(&payload, text);
    return goes_on(m, milter_chain_event(&m->chain, event, buf_str(&payload)));
}

static bool connect_filters(struct message *m)
{
    struct str address = client_address(m);
    int64_t port = 0;
    BUF_AUTO(payload, 0);

    if (!number_parse_range(m->env.client_port, 0, UINT16_MAX, &port))
        port = 0;
    milter_put_connect(&payload, client_name(m), str_has(address, ':') ? '6' : '4', (int)port,
                       address);
    m->milter_event = MILTER_CONNECT;
    milter_chain_init(&m->chain, &m->c->milter_site, &m->c->milters, macro_of_message, m);
    return goes_on(m, milter_chain_connect(&m->chain, buf_str(&payload)));
}

static bool tell_recipients(struct message *m)
{
    for (size_t i = 0; i < m->milter_recipients.count; i++) {
        m->milter_recipient = external(m, m->milter_recipients.items[i]);
        if (!tell(m, MILTER_RCPT, m->milter_recipient))
            return false;
    }
    m->milter_recipient = STR_NONE;
    return true;
}

static bool tell_envelope(struct message *m)
{
    struct str helo = m->env.client_helo.len ? m->env.client_helo : client_name(m);

    m->milter_sender = external(m, m->env.sender);
    return connect_filters(m) && tell(m, MILTER_HELO, helo) &&
           tell(m, MILTER_MAIL, m->milter_sender) && tell_recipients(m) &&
           tell(m, MILTER_DATA, STR_NONE);
}

/* ---- */

void milters_run(struct message *m)
{
    if (m->held == NULL || m->held->error || m->status != CLEANUP_OK ||
        (m->flags & CLEANUP_FLAG_DISCARD))
        return;
    m->content.unchecked = false; /* what header_checks let pass was another text */
    if (m->has_local_milters && !tell_envelope(m))
        return;
    m->milter_event = MILTER_EOM;
    for (size_t i = 0; i < m->chain.count; i++)
        if (!show(m, &m->chain.clients[i]))
            return;
}
