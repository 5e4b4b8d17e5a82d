#include "smtp-client/transfer.h"

#include "base/log.h"
#include "smtp-client/content.h"
#include "smtp-client/filter.h"
#include "smtp-client/remarks.h"
#include "smtp-client/suitable.h"
#include "smtp-client/wire.h"
#include "text/address.h"

#include <errno.h>
#include <stdio.h>

/* ---- what is asked ---- */

/* False: a lookup failed. */
static bool external_form(struct delivery *d, struct str address, struct str *out)
{
    BUF_AUTO(text, 0);

    if (!filter_map_address(&address, &d->arena))
        return false;
    if (!smtp_conf.smtp_quote_rfc821_envelope) {
        *out = address;
        return true;
    }
    address_quote(address, &text);
    *out = arena_str(&d->arena, buf_str(&text));
    return true;
}

static struct smtp_rcpt recipient_at(void *context, size_t index)
{
    const struct transfer *t = context;
    const struct delivery_recipient *info = &t->rcpts[index].rcpt->info;

    return (struct smtp_rcpt){ .path = t->rcpts[index].path,
                               .address = info->address,
                               .notify = (unsigned)info->dsn_notify,
                               .orcpt = info->dsn_orcpt.len ? info->dsn_orcpt : STR_NONE };
}

/* False: a lookup failed. */
static bool collect_recipients(struct transfer *t)
{
    struct delivery *d = t->d;

    t->rcpts = arena_alloc(&d->arena, d->count * sizeof *t->rcpts);
    for (size_t i = 0; i < d->count; i++) {
        struct transfer_rcpt *r = &t->rcpts[t->count];
        if (d->recipients[i].finished)
            continue;
        if (!external_form(d, d->recipients[i].info.address, &r->path))
            return false;
        r->rcpt = &d->recipients[i];
        t->count++;
    }
    return true;
}

static struct smtp_forward forward_of(const struct delivery_request *r)
{
    bool local = str_equal(r->rewrite_context, STR("local"));

    return (struct smtp_forward){ .name = r->log_client_name,
                                  .addr = r->log_client_addr,
                                  .port = r->log_client_port,
                                  .proto = r->log_client_proto,
                                  .helo = r->log_client_helo,
                                  .ident = r->log_ident,
                                  .source = local ? STR("LOCAL") : STR("REMOTE") };
}

static enum smtp_body body_of(const struct delivery_request *r)
{
    if (str_equal_nocase(r->encoding, STR("8bit")))
        return SMTP_BODY_8BITMIME;
    return str_equal_nocase(r->encoding, STR("7bit")) ? SMTP_BODY_7BIT : SMTP_BODY_UNKNOWN;
}

/* What becomes of REQUIRETLS at this hop.  True: it is passed on. */
static bool pass_on_requiretls(const struct transfer *t)
{
    const struct client_session *s = t->session;
    struct tls_status status = s->tls_status;
    bool passed_on = s->tls && (s->dialogue.offer.extensions & SMTP_EXT_REQUIRETLS);

    if (t->requiretls == REQUIRETLS_UNASKED)
        return false;
    status.requiretls = !passed_on        ? "requiretls:none"
                        : s->tls->matched ? "requiretls"
                                          : "requiretls:nocertmatch";
    tls_status_show(&status, t->d);
    if (!passed_on)
        log_info(STR_FMT ": Sender requested REQUIRETLS, but REQUIRETLS support was not offered by "
                         "host " STR_FMT,
                 STR_ARG(t->d->request.queue_id), STR_ARG(s->shown));
    return passed_on;
}

static bool probes_data(void)
{
    return str_equal_nocase(smtp_conf.smtp_address_verify_target, STR("data"));
}

/* Conversion changes it.  Who ignores an offer of 8BITMIME still says what he has. */
static int64_t size_to_say(const struct transfer *t)
{
    bool ignores = t->session->dialogue.options.discard & SMTP_EXT_8BITMIME;

    return filter_may_convert(t->d, t->session) && !ignores ? -1 : t->d->request.data_size;
}

static void begin(struct transfer *t, struct str sender, const struct smtp_forward *forward,
                  struct smtp_transaction *tx)
{
    const struct delivery_request *r = &t->d->request;
    bool requiretls = pass_on_requiretls(t);
    bool leaks = t->requiretls != REQUIRETLS_UNASKED && !requiretls;

    *tx = (struct smtp_transaction){
        .sender = sender,
        .size = size_to_say(t),
        .body = body_of(r),
        .smtputf8 = (r->sendopts & SENDOPT_SMTPUTF8) != 0,
        .envid = r->dsn_envid.len ? r->dsn_envid : STR_NONE,
        .requiretls = requiretls,
        /* What a report brings back must not be more than has to be. */
        .ret = leaks ? DSN_RET_HDRS : (enum dsn_ret)r->dsn_ret,
        .auth = smtp_conf.smtp_send_dummy_mail_auth,
        .forward = smtp_conf.smtp_send_xforward_command ? forward : NULL,
        .recipients = t->count,
        .recipient = recipient_at,
        .context = t,
        .probe = delivery_is_probe(t->d),
        .probe_data = probes_data(),
        .last = t->last,
    };
    smtp_client_begin(&t->session->dialogue, tx);
}

/* ---- verdicts ---- */

/* The outcome that a server's answer means for one recipient. */
static struct outcome outcome_of(struct transfer *t, enum outcome_status status,
                                 const struct smtp_answer *answer, struct str text)
{
    struct outcome o = { .status = status,
                         .text = text,
                         .diag_type = STR("smtp"),
                         .diag_text = arena_str(&t->d->arena, answer->text),
                         .mta_name = t->session->name };

    (void)snprintf(o.dsn, sizeof o.dsn, STR_FMT, STR_ARG(answer->status));
    return o;
}

static struct str text_of_refusal(struct transfer *t, const struct smtp_answer *answer,
                                  enum smtp_step step)
{
    struct arena *a = &t->d->arena;
    struct str said = fault_said(a, t->session->shown, step, answer);
    BUF_AUTO(text, 0);

    if (smtp_class_of(answer->code) != SMTP_YES)
        return said;
    buf_join(&text, STR("Protocol error: "), said);
    return arena_str(a, buf_str(&text));
}

/* False: another server will be asked, t->fault is the reason.  Otherwise `o` is what recipients get. */
static bool refusal_counts(struct transfer *t, const struct smtp_answer *answer,
                           enum smtp_step step, struct outcome *o)
{
    struct delivery *d = t->d;
    bool permanent = fault_is_permanent(answer);
    struct str text = text_of_refusal(t, answer, step);

    session_judge(t->session, answer);
    *o = outcome_of(t, permanent ? OUTCOME_BOUNCED : OUTCOME_DEFERRED, answer, text);
    if (smtp_class_of(answer->code) == SMTP_YES)
        (void)snprintf(o->dsn, sizeof o->dsn, "5.5.0");
    if (permanent || !t->more_servers)
        return true;
    log_info(STR_FMT ": " STR_FMT, STR_ARG(d->request.queue_id), STR_ARG(text));
    t->fault = (struct fault){ .text = text,
                               .reply = o->diag_text,
                               .server = arena_str(&d->arena, o->mta_name) };
    memcpy(t->fault.dsn, o->dsn, sizeof o->dsn);
    return false;
}

static void refuse_all(struct transfer *t, const struct smtp_answer *answer, enum smtp_step step)
{
    struct outcome o;

    if (!refusal_counts(t, answer, step, &o))
        return;
    for (size_t i = 0; i < t->count; i++)
        if (t->rcpts[i].verdict != RCPT_REFUSED && !t->rcpts[i].rcpt->finished)
            delivery_finish(t->d, t->rcpts[i].rcpt, &o);
}

/* A server that does not speak of DSN will report nothing, so we do; a site may know that its LMTP
 * servers are the end of the way. */
static bool assumes_final_delivery(const struct transfer *t)
{
    return t->session->dialogue.options.lmtp && t->arguments->final;
}

static bool passes_on_dsn(const struct transfer *t)
{
    return t->session->dialogue.offer.extensions & SMTP_EXT_DSN;
}

/* What an acceptance means for each recipient that it is for. */
static struct outcome acceptance(struct transfer *t, const struct smtp_answer *answer)
{
    struct delivery *d = t->d;
    struct outcome o = outcome_of(t, OUTCOME_SENT, answer, fault_one_line(&d->arena, answer->text));
    bool reports = !passes_on_dsn(t) || (d->request.flags & DELIVERY_FLAG_RECORD_SENT);

    if (reports && !delivery_is_probe(d) && !assumes_final_delivery(t))
        o.action = "relayed";
    if (answer->has_status)
        o.dsn[0] = '2';
    else
        (void)snprintf(o.dsn, sizeof o.dsn, "2.0.0");
    return o;
}

static void accept_recipient(struct transfer *t, struct delivery_rcpt *rcpt,
                             const struct outcome *o)
{
    if (passes_on_dsn(t))
        rcpt->info.dsn_notify &= ~DSN_NOTIFY_SUCCESS; /* the next server reports success */
    delivery_finish(t->d, rcpt, o);
}

static void on_rcpt(struct transfer *t, const struct smtp_client_event *ev)
{
    struct transfer_rcpt *r = &t->rcpts[ev->recipient];

    struct outcome o;

    if (smtp_class_of(ev->answer.code) != SMTP_YES) {
        r->verdict = RCPT_REFUSED;
        if (refusal_counts(t, &ev->answer, SMTP_STEP_RCPT, &o))
            delivery_finish(t->d, r->rcpt, &o);
        return;
    }
    r->verdict = RCPT_TAKEN;
    if (!delivery_is_probe(t->d) || probes_data())
        return;
    o = acceptance(t, &ev->answer);
    accept_recipient(t, r->rcpt, &o);
}

/* The answer to the content, or to DATA of a probe: for the recipients `from` up to `to` as far as they were taken. */
static void judge_taken(struct transfer *t, const struct smtp_answer *answer, enum smtp_step step,
                        size_t from, size_t to)
{
    bool yes = smtp_class_of(answer->code) == (step == SMTP_STEP_DATA ? SMTP_GO_ON : SMTP_YES);
    struct outcome o;

    if (yes)
        o = acceptance(t, answer);
    else if (!refusal_counts(t, answer, step, &o))
        return;
    for (size_t i = from; i < to; i++) {
        const struct transfer_rcpt *r = &t->rcpts[i];
        if (r->verdict != RCPT_TAKEN || r->rcpt->finished)
            continue;
        if (yes)
            accept_recipient(t, r->rcpt, &o);
        else
            delivery_finish(t->d, r->rcpt, &o);
    }
}

static void judge_all_taken(struct transfer *t, const struct smtp_answer *answer,
                            enum smtp_step step)
{
    judge_taken(t, answer, step, 0, t->count);
}

/* An LMTP server answers for each recipient. */
static void on_content_answer(struct transfer *t, const struct smtp_client_event *ev)
{
    if (t->session->dialogue.options.lmtp)
        judge_taken(t, &ev->answer, SMTP_STEP_DOT, ev->recipient, ev->recipient + 1);
    else
        judge_all_taken(t, &ev->answer, SMTP_STEP_DOT);
}

static void on_data(struct transfer *t, const struct smtp_answer *answer)
{
    if (smtp_class_of(answer->code) == SMTP_GO_ON && delivery_is_probe(t->d))
        judge_all_taken(t, answer, SMTP_STEP_DATA);
    else
        refuse_all(t, answer, SMTP_STEP_DATA);
}

/* ---- the content ---- */

static void lose(struct transfer *t, enum smtp_step step)
{
    t->lost = true;
    fault_from_loss(&t->fault, &t->d->arena, t->session->shown, step, errno);
    if (t->more_servers)
        log_info(STR_FMT ": " STR_FMT, STR_ARG(t->d->request.queue_id), STR_ARG(t->fault.text));
}

/* Mail goes on without what the server did not take. */
static void on_xforward(struct transfer *t, const struct smtp_client_event *ev)
{
    struct str said = fault_said(&t->d->arena, t->session->relay, ev->step, &ev->answer);

    if (smtp_class_of(ev->answer.code) != SMTP_YES)
        log_warning(STR_FMT, STR_ARG(said));
}

/* The server has spoken in the middle of the content.  A refusal counts; anything else means that
 * we are out of step, and that nothing it says can be taken for the message's acceptance. */
static void on_early_answer(struct transfer *t)
{
    struct smtp_answer answer;

    if (smtp_client_early_reply(&t->session->dialogue, &answer) &&
        smtp_class_of(answer.code) >= SMTP_LATER) {
        t->lost = true;
        judge_all_taken(t, &answer, SMTP_STEP_DOT);
        return;
    }
    errno = EPROTO;
    lose(t, SMTP_STEP_BODY);
}

static void local_error(struct transfer *t)
{
    fault_set(&t->fault, &t->d->arena, "4.3.0", false, "local data error while talking to " STR_FMT,
              STR_ARG(t->session->shown));
}

/* True while the dialogue goes on. */
static bool send_content(struct transfer *t)
{
    BUF_AUTO(headers, 0);

    client_arguments_format(t->arguments, t->d, &headers);
    switch (content_send(t->d, t->session, buf_str(&headers))) {
    case CONTENT_SENT:
        return true;
    case CONTENT_LOST:
        lose(t, SMTP_STEP_BODY);
        break;
    case CONTENT_ANSWERED:
        on_early_answer(t);
        break;
    case CONTENT_DAMAGED:
        t->lost = true;
        local_error(t);
        break;
    }
    return false;
}

/* ---- the dialogue ---- */

/* The answer to QUIT: when it comes first, the content was never answered, and a yes of this kind is none. */
#define GOODBYE 221

/* True while it goes on. */
static bool step(struct transfer *t, const struct smtp_client_event *ev)
{
    switch (ev->kind) {
    case SMTP_CLIENT_NEED_INPUT:
    case SMTP_CLIENT_FLUSH:
        if (session_serve(t->session, ev))
            return true;
        lose(t, ev->step);
        return false;
    case SMTP_CLIENT_MAIL:
        if (smtp_class_of(ev->answer.code) != SMTP_YES)
            refuse_all(t, &ev->answer, SMTP_STEP_MAIL);
        return true;
    case SMTP_CLIENT_RCPT:
        on_rcpt(t, ev);
        return true;
    case SMTP_CLIENT_DATA:
        on_data(t, &ev->answer);
        return true;
    case SMTP_CLIENT_SEND:
        return send_content(t);
    case SMTP_CLIENT_ACCEPTED:
        if (ev->answer.code == GOODBYE) {
            errno = EPROTO;
            lose(t, SMTP_STEP_DOT);
            return false;
        }
        on_content_answer(t, ev);
        return true;
    case SMTP_CLIENT_XFORWARD:
        on_xforward(t, ev);
        return true;
    case SMTP_CLIENT_READY:
        return false;
    case SMTP_CLIENT_CLOSE:
    case SMTP_CLIENT_BAD:
    case SMTP_CLIENT_REFUSED:
        errno = EPROTO;
        lose(t, ev->step);
        return false;
    default:
        return true;
    }
}

/* False: another server will be asked, or none can take it and the recipients are returned. */
static bool server_suits(struct transfer *t)
{
    enum suitability where = suitable_server(t->d, t->session, &t->fault);
    struct outcome o = { .status = OUTCOME_BOUNCED };

    if (where == SUITABLE_HERE)
        return true;
    t->lost = where == SUITABLE_NOWHERE; /* there is nothing to say goodbye for */
    if (where == SUITABLE_ELSEWHERE && t->more_servers) {
        log_info(STR_FMT ": " STR_FMT, STR_ARG(t->d->request.queue_id), STR_ARG(t->fault.text));
        return false;
    }
    o.text = t->fault.text;
    (void)snprintf(o.dsn, sizeof o.dsn, "%s", t->fault.dsn);
    delivery_finish_rest(t->d, &o);
    return false;
}

void transfer_run(struct transfer *t)
{
    struct smtp_forward forward = forward_of(&t->d->request);
    struct smtp_transaction tx;
    struct smtp_client_event ev;
    struct str sender;

    if (!server_suits(t))
        return;
    if (!external_form(t->d, t->d->request.sender, &sender) || !collect_recipients(t)) {
        local_error(t);
        return;
    }
    begin(t, sender, &forward, &tx);
    do
        ev = session_next(t->session);
    while (step(t, &ev));
}
