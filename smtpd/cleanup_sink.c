/* The sink that hands mail to cleanup(8), or to postdrop(1), as records of a queue file. */
#include "base/utf8.h"
#include "smtpd/mail_sink.h"
#include "smtpd/milters.h"
#include "smtpd/origin.h"
#include "smtpd/received.h"
#include "text/dsn.h"

#include <sys/socket.h>

static void put_attr(struct buf *out, const char *name, struct str value)
{
    if (value.len)
        record_put_attr(out, name, value);
}

/* What the log and later hops see. */
static void put_log_attributes(struct session *s, struct buf *out)
{
    struct forwarded o = origin_of(s);
    BUF_AUTO(origin, 0);

    buf_join(&origin, o.name, STR("["), o.address, STR("]"));
    put_attr(out, "log_client_name", o.name);
    put_attr(out, "log_client_address", o.address);
    put_attr(out, "log_client_port", o.port);
    put_attr(out, "log_message_origin",
             str_equal(o.source, STR("LOCAL")) ? STR("local") : buf_str(&origin));
    put_attr(out, "log_helo_name", o.helo);
    put_attr(out, "log_protocol_name", o.proto);
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
    put_attr(out, "sasl_sender", s->t.mail.auth);
}

static void put_envelope_head(struct session *s, struct buf *out)
{
    struct transaction *t = &s->t;

    record_put_time(out, clock_wall());
    record_put_attr(out, "log_ident",
                    s->forwarded.ident.len ? s->forwarded.ident : queue_id_str(&s->cleanup.id));
    record_put_attr(out, "rewrite_context", origin_is_local(s) ? STR("local") : STR("remote"));
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

static struct smtp_reply begin(struct session *s)
{
    const struct smtp_mail *mail = &s->t.mail;
    int sendopts =
        (mail->smtputf8 ? SENDOPT_SMTPUTF8 : 0) | (mail->requiretls ? SENDOPT_REQUIRETLS : 0);

    int flags = s->setup->cleanup_flags |
                (milter_chain_is_open(&s->milters.chain) ? CLEANUP_FLAG_MILTERS_COME : 0);
    if (!cleanup_client_open(&s->cleanup, site_conf.cleanup_service_name, flags, sendopts,
                             site_conf.ipc_timeout)) {
        s->faults |= FAULT_RESOURCE;
        return (struct smtp_reply)MAIL_SINK_TROUBLE;
    }
    put_envelope_head(s, cleanup_client_records(&s->cleanup));
    return MAIL_SINK_GOES_ON;
}

static struct smtp_reply recipient(struct session *s, const struct smtp_rcpt *rcpt,
                                   struct str line UNUSED)
{
    struct buf *out = cleanup_client_records(&s->cleanup);
    BUF_AUTO(orcpt, 0);

    if (rcpt->notify)
        record_put_attr_int(out, "notify_flags", rcpt->notify);
    if (rcpt->orcpt.len)
        buf_add(&orcpt, rcpt->orcpt);
    else
        buf_join(&orcpt, utf8_is_ascii(rcpt->path) ? STR("rfc822;") : STR("utf-8;"), rcpt->path);
    record_put_attr(out, "dsn_orig_rcpt", buf_str(&orcpt));
    record_put(out, REC_RCPT, rcpt->address);
    cleanup_client_pump(&s->cleanup);
    return MAIL_SINK_GOES_ON;
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

/* Side effects of access tables that belong to the envelope; what is judged at the end of the content comes behind it.
 * That the message is held or thrown away stays known: nobody needs to say so twice. */
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
    a->filter = a->redirect = STR_NONE;
    buf_clear(&a->bcc);
}

static struct smtp_reply content(struct session *s)
{
    struct buf *out = cleanup_client_records(&s->cleanup);
    BUF_AUTO(received, 0);

    put_actions(s, out);
    milters_hand_over(s);
    out = cleanup_client_records(&s->cleanup);
    record_put(out, REC_MESSAGE, STR_NONE);
    received_format(s, &received);
    put_lines(out, buf_str(&s->t.actions.prepend));
    put_lines(out, buf_str(&received));
    return MAIL_SINK_GOES_ON;
}

static void text(struct session *s, struct str text, bool ends_line)
{
    struct buf *out = cleanup_client_records(&s->cleanup);

    first_lines_look(&s->t.first_lines, text, ends_line, out);
    record_put(out, ends_line ? REC_TEXT : REC_TEXT_PART, text);
    cleanup_client_pump(&s->cleanup);
}

static const struct smtp_reply refusals[] = {
    [CLEANUP_BAD] = { 451, STR("4.3.0 Error: internal error 1") },
    [CLEANUP_WRITE] = MAIL_SINK_TROUBLE,
    [CLEANUP_SIZE] = MAIL_SINK_TOO_BIG,
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
        return refusals[CLEANUP_CONTENT];
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
    return refusals[status];
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

static struct smtp_reply end(struct session *s, enum smtp_command how, struct arena *a)
{
    struct buf *out = cleanup_client_records(&s->cleanup);
    BUF_AUTO(text, 0);

    record_put(out, REC_EXTRACTED, STR_NONE);
    put_actions(s, out);
    record_put(out, REC_END, STR_NONE);
    struct cleanup_verdict v = cleanup_client_end(&s->cleanup);
    milter_chain_lose(&s->milters.chain, v.broken);
    if (v.status != CLEANUP_OK) {
        s->faults |= fault_of(v.status);
        return refusal(&v, a);
    }
    buf_add(&text, STR("2.0.0 Ok: "));
    if (how == SMTP_CMD_BDAT)
        buf_addf(&text, "%lld bytes ", (long long)s->t.content_bytes);
    buf_join(&text, STR("queued as "), queue_id_str(&s->cleanup.id));
    return (struct smtp_reply){ 250, arena_str(a, buf_str(&text)) };
}

static void abandon(struct session *s) { cleanup_client_abort(&s->cleanup); }

const struct mail_sink mail_sink_cleanup = { .keeps_mail = true,
                                             .begin = begin,
                                             .recipient = recipient,
                                             .content = content,
                                             .text = text,
                                             .end = end,
                                             .abort = abandon };
