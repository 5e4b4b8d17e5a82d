#include "smtpd/transaction.h"

#include "base/log.h"
#include "base/utf8.h"
#include "smtpd/access/access.h"
#include "smtpd/received.h"

#include <sys/socket.h>

void transaction_begin(struct session *s, const struct smtp_mail *mail)
{
    struct transaction *t = &s->t;

    *t = (struct transaction){ .arena = t->arena, .active = true, .actions = ACTIONS_INIT };
    t->mail = *mail;
    t->mail.envid = arena_str(&t->arena, mail->envid);
    t->mail.verp_delimiters = arena_str(&t->arena, mail->verp_delimiters);
    t->sender = arena_str(&t->arena, mail->address);
    t->sender_path = session_shown_address(t->sender);
}

void transaction_end(struct session *s)
{
    struct transaction *t = &s->t;
    struct arena arena = t->arena;

    if (t->open)
        cleanup_client_abort(&s->cleanup);
    if (t->active) /* what XFORWARD said was about this message */
        memset(&s->forwarded, 0, sizeof s->forwarded);
    buf_free(&t->actions.prepend);
    buf_free(&t->actions.bcc);
    arena_reset(&arena);
    *t = (struct transaction){ .arena = arena };
}

static void put_attr(struct buf *out, const char *name, struct str value)
{
    if (value.len)
        record_put_attr(out, name, value);
}

/* What the log and later hops see: the real client, or what XFORWARD said of the first one. */
static void put_log_attributes(struct session *s, struct buf *out)
{
    const struct peer *p = &s->peer;
    bool forwarded = s->forwarded.name.ptr || s->forwarded.address.ptr;
    struct str name = forwarded ? s->forwarded.name : p->name;
    struct str address = forwarded ? s->forwarded.address : p->address;
    BUF_AUTO(origin, 0);

    buf_join(&origin, name, STR("["), address, STR("]"));
    put_attr(out, "log_client_name", name);
    put_attr(out, "log_client_address", address);
    put_attr(out, "log_client_port", forwarded ? s->forwarded.port : p->port);
    put_attr(out, "log_message_origin",
             str_equal(s->forwarded.source, STR("LOCAL")) ? STR("local") : buf_str(&origin));
    put_attr(out, "log_helo_name", s->forwarded.helo.ptr ? s->forwarded.helo : s->helo);
    put_attr(out, "log_protocol_name",
             s->forwarded.proto.ptr ? s->forwarded.proto : session_protocol(s));
}

static void put_client_attributes(struct session *s, struct buf *out)
{
    const struct peer *p = &s->peer;

    put_attr(out, "client_name", p->name);
    put_attr(out, "reverse_client_name", p->reverse_name);
    put_attr(out, "client_address", p->address);
    put_attr(out, "client_port", p->port);
    put_attr(out, "server_address", p->server_address);
    put_attr(out, "server_port", p->server_port);
    put_attr(out, "helo_name", s->helo);
    put_attr(out, "protocol_name", session_protocol(s));
    record_put_attr_int(out, "client_address_type", p->addr.ss.ss_family);
    if (s->login.name.ptr) {
        record_put_attr(out, "sasl_method", s->login.method);
        record_put_attr(out, "sasl_username", s->login.name);
    }
}

/* XFORWARD SOURCE knows better than our own view of the last hop. */
static bool is_local_mail(struct session *s)
{
    return s->forwarded.source.len ? str_equal_nocase(s->forwarded.source, STR("LOCAL"))
                                   : access_rewrites_locally(s);
}

static void put_envelope_head(struct session *s, struct buf *out)
{
    struct transaction *t = &s->t;

    record_put_time(out, clock_wall());
    record_put_attr(out, "log_ident",
                    s->forwarded.ident.len ? s->forwarded.ident : queue_id_str(&s->cleanup.id));
    record_put_attr(out, "rewrite_context", is_local_mail(s) ? STR("local") : STR("remote"));
    put_attr(out, "envelope_id", t->mail.envid);
    if (t->mail.ret)
        record_put_attr_int(out, "ret_flags", t->mail.ret);
    if (site_conf.content_filter.len && !s->setup->postdrop) /* not for users to say */
        record_put(out, REC_FILTER, site_conf.content_filter);
    record_put(out, REC_SENDER, t->sender);
    if (t->mail.body != SMTP_BODY_UNKNOWN)
        record_put_attr(out, "encoding",
                        t->mail.body == SMTP_BODY_8BITMIME ? STR("8bit") : STR("7bit"));
    put_log_attributes(s, out);
    put_client_attributes(s, out);
    if (t->mail.verp)
        record_put(out, REC_VERP,
                   t->mail.verp_delimiters.len ? t->mail.verp_delimiters
                                               : site_conf.default_verp_delimiters);
}

static struct str known(struct str s) { return s.len ? s : STR("unknown"); }

static void add_first_client(const struct session *s, struct buf *out)
{
    buf_join(out, STR(", orig_client="), known(s->forwarded.name));
    if (s->forwarded.address.len)
        buf_join(out, STR("["), s->forwarded.address, STR("]"));
    if (smtpd_conf.smtpd_client_port_logging && s->forwarded.address.len)
        buf_join(out, STR(":"), known(s->forwarded.port));
}

/* The line that everything else about this message is traced back to. */
static void log_client(const struct session *s)
{
    BUF_AUTO(more, 1024);

    if (s->login.name.ptr)
        buf_join(&more, STR(", sasl_method="), s->login.method, STR(", sasl_username="),
                 s->login.name);
    if (s->forwarded.ident.len)
        buf_join(&more, STR(", orig_queue_id="), s->forwarded.ident);
    if (s->forwarded.name.ptr)
        add_first_client(s, &more);
    log_info("%s: client=" STR_FMT STR_FMT, s->cleanup.id.text, STR_ARG(s->peer.shown),
             STR_ARG(buf_str(&more)));
}

bool transaction_open(struct session *s)
{
    struct transaction *t = &s->t;
    int sendopts =
        (t->mail.smtputf8 ? SENDOPT_SMTPUTF8 : 0) | (t->mail.requiretls ? SENDOPT_REQUIRETLS : 0);

    if (t->open)
        return true;
    if (!cleanup_client_open(&s->cleanup, site_conf.cleanup_service_name, s->setup->cleanup_flags,
                             sendopts, site_conf.ipc_timeout)) {
        s->faults |= FAULT_RESOURCE;
        return false;
    }
    t->open = true;
    put_envelope_head(s, cleanup_client_records(&s->cleanup));
    log_client(s);
    return true;
}

void transaction_add_recipient(struct session *s, const struct smtp_rcpt *rcpt)
{
    struct buf *out = cleanup_client_records(&s->cleanup);
    struct transaction *t = &s->t;
    BUF_AUTO(orcpt, 0);

    if (rcpt->notify)
        record_put_attr_int(out, "notify_flags", rcpt->notify);
    if (rcpt->orcpt.len) {
        buf_add(&orcpt, rcpt->orcpt);
    } else {
        buf_join(&orcpt, utf8_is_ascii(rcpt->path) ? STR("rfc822;") : STR("utf-8;"), rcpt->path);
    }
    record_put_attr(out, "dsn_orig_rcpt", buf_str(&orcpt));
    record_put(out, REC_RCPT, rcpt->address);
    if (t->rcpt_accepted++ == 0)
        t->first_recipient = arena_str(&t->arena, rcpt->address);
    cleanup_client_pump(&s->cleanup);
}

static void put_lines(struct buf *out, struct str lines)
{
    while (lines.len)
        record_put_line(out, str_cut(&lines, '\n'), (size_t)site_conf.line_length_limit);
}

static void put_number(struct buf *out, char type, int value)
{
    BUF_AUTO(digits, 16);

    buf_add_int(&digits, value);
    record_put(out, type, buf_str(&digits));
}

/* Side effects of access tables that belong to the envelope; what is judged at the end of the content comes behind it. */
static void put_actions(struct session *s, struct buf *out)
{
    struct actions *a = &s->t.actions;
    struct str bcc = buf_str(&a->bcc);

    while (bcc.len)
        record_put(out, REC_RCPT, str_cut(&bcc, '\0'));
    if (a->filter.len)
        record_put(out, REC_FILTER, a->filter);
    if (a->redirect.len)
        record_put(out, REC_REDIRECT, a->redirect);
    if (a->hold || a->discard)
        put_number(out, CLEANUP_RECORD_FLAGS,
                   (a->hold ? CLEANUP_FLAG_HOLD : 0) | (a->discard ? CLEANUP_FLAG_DISCARD : 0));
    a->hold = a->discard = false;
    a->filter = a->redirect = STR_NONE;
    buf_clear(&a->bcc);
}

void transaction_begin_content(struct session *s)
{
    struct buf *out = cleanup_client_records(&s->cleanup);
    BUF_AUTO(received, 0);

    put_actions(s, out);
    record_put(out, REC_MESSAGE, STR_NONE);
    received_format(s, &received);
    put_lines(out, buf_str(&s->t.actions.prepend));
    put_lines(out, buf_str(&received));
    s->t.in_content = true;
}

void transaction_add_text(struct session *s, struct str text, bool ends_line)
{
    struct transaction *t = &s->t;

    t->content_bytes += (int64_t)text.len + (ends_line ? 2 : 0);
    if (!t->too_big && site_conf.message_size_limit > 0 &&
        t->content_bytes > site_conf.message_size_limit) {
        t->too_big = true;
        log_warning("%s: queue file size limit exceeded", session_queue_id(s));
    }
    if (t->too_big)
        return;
    struct buf *out = cleanup_client_records(&s->cleanup);
    first_lines_look(&t->first_lines, text, ends_line, out);
    record_put(out, ends_line ? REC_TEXT : REC_TEXT_PART, text);
    cleanup_client_pump(&s->cleanup);
}

static const struct {
    int code;
    struct str text;
} refusals[] = {
    [CLEANUP_BAD] = { 451, STR("4.3.0 Error: internal error 1") },
    [CLEANUP_WRITE] = { 451, STR("4.3.0 Error: queue file write error") },
    [CLEANUP_SIZE] = { 552, STR("5.3.4 Error: message file too big") },
    [CLEANUP_CONTENT] = { 550, STR("5.7.1 Error: message content rejected") },
    [CLEANUP_HOPS] = { 554, STR("5.4.0 Error: too many hops") },
    [CLEANUP_NO_RCPT] = { 550, STR("5.1.0 Error: no recipients specified") },
    [CLEANUP_DEFER] = { 451, STR("4.7.1 Error: service unavailable") },
    [CLEANUP_SPACE] = { 452, STR("4.3.1 Error: insufficient system storage") },
};

/* The reason of header and body checks is the text behind the code; it may bring its own status. */
static struct smtp_reply content_refusal(struct str reason, struct arena *a)
{
    BUF_AUTO(text, 0);
    size_t status = dsn_status_length(reason);

    if (reason.len == 0)
        return (struct smtp_reply){ refusals[CLEANUP_CONTENT].code,
                                    refusals[CLEANUP_CONTENT].text };
    if (status == 0)
        buf_add(&text, STR("5.7.1 "));
    buf_add(&text, reason);
    return (struct smtp_reply){ status && reason.ptr[0] == '4' ? 451 : 550,
                                arena_str(a, buf_str(&text)) };
}

static struct smtp_reply refusal(const struct cleanup_verdict *v, struct arena *a)
{
    struct smtp_reply whole;

    if (v->status == CLEANUP_CONTENT)
        return content_refusal(v->reason, a);
    if (v->status == CLEANUP_REPLY && smtp_reply_split(v->reason, &whole))
        return (struct smtp_reply){ whole.code, arena_str(a, whole.text) };
    int status = v->status > 0 && v->status < (int)ARRAY_LEN(refusals) && refusals[v->status].code
                     ? v->status
                     : CLEANUP_BAD;
    return (struct smtp_reply){ refusals[status].code, refusals[status].text };
}

static unsigned fault_of(int64_t status)
{
    switch (status) {
    case CLEANUP_WRITE:
    case CLEANUP_SPACE:
        return FAULT_RESOURCE;
    case CLEANUP_BAD:
        return FAULT_SOFTWARE;
    default:
        return 0;
    }
}

struct smtp_reply transaction_commit(struct session *s, enum smtp_command how, struct arena *a)
{
    struct transaction *t = &s->t;
    BUF_AUTO(text, 0);

    if (t->too_big)
        return (struct smtp_reply){ refusals[CLEANUP_SIZE].code, refusals[CLEANUP_SIZE].text };
    struct buf *out = cleanup_client_records(&s->cleanup);
    record_put(out, REC_EXTRACTED, STR_NONE);
    put_actions(s, out);
    record_put(out, REC_END, STR_NONE);
    struct cleanup_verdict v = cleanup_client_end(&s->cleanup);
    t->open = false;
    if (v.status != CLEANUP_OK) {
        s->faults |= fault_of(v.status);
        return refusal(&v, a);
    }
    buf_add(&text, STR("2.0.0 Ok: "));
    if (how == SMTP_CMD_BDAT)
        buf_addf(&text, "%lld bytes ", (long long)t->content_bytes);
    buf_join(&text, STR("queued as "), queue_id_str(&s->cleanup.id));
    return (struct smtp_reply){ 250, arena_str(a, buf_str(&text)) };
}
