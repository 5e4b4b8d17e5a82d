#include "smtp-client/transfer.h"

#include "base/log.h"
#include "smtp-client/content.h"
#include "smtp-client/filter.h"
#include "text/address.h"

#include <errno.h>
#include <stdio.h>

static struct str external_form(struct delivery *d, struct str address)
{
    BUF_AUTO(text, 0);

    if (!filter_map_address(&address, &d->arena))
        log_warning(STR_FMT ": smtp_generic_maps lookup failure, address is sent as it is", STR_ARG(d->request.queue_id));
    if (!smtp_conf.smtp_quote_rfc821_envelope)
        return address;
    address_quote(address, &text);
    return arena_str(&d->arena, buf_str(&text));
}

static struct smtp_rcpt recipient_at(void *context, size_t index)
{
    struct transfer *t = context;
    const struct delivery_recipient *info = &t->rcpts[index]->info;

    return (struct smtp_rcpt){ .path = external_form(t->d, info->address),
                               .address = info->address,
                               .notify = (unsigned)info->dsn_notify,
                               .orcpt = info->dsn_orcpt.len ? info->dsn_orcpt : STR_NONE };
}

static bool offers(const struct transfer *t, unsigned extension)
{
    return (t->session->dialogue.offer.extensions & extension) != 0;
}

static struct smtp_forward forward_of(const struct delivery_request *r)
{
    return (struct smtp_forward){ .name = r->log_client_name,
                                  .addr = r->log_client_addr,
                                  .port = r->log_client_port,
                                  .proto = r->log_client_proto,
                                  .helo = r->log_client_helo,
                                  .ident = r->log_ident,
                                  .source = str_equal(r->rewrite_context, STR("local")) ? STR("LOCAL") : STR("REMOTE") };
}

static enum smtp_body body_of(const struct delivery_request *r)
{
    if (str_equal_nocase(r->encoding, STR("8bit")))
        return SMTP_BODY_8BITMIME;
    return str_equal_nocase(r->encoding, STR("7bit")) ? SMTP_BODY_7BIT : SMTP_BODY_UNKNOWN;
}

static void set_fault(struct transfer *t, struct str dsn, struct str text)
{
    t->fault = (struct session_fault){ .text = text };
    snprintf(t->fault.dsn, sizeof t->fault.dsn, STR_FMT, STR_ARG(dsn));
}

/* The outcome that a refusal means for one recipient; without a further server a 4xx is final for now. */
static void refuse_recipient(struct transfer *t, struct delivery_rcpt *rcpt, const struct smtp_answer *answer,
                             enum smtp_step step)
{
    struct delivery *d = t->d;
    bool permanent = answer->code >= 500;
    struct outcome o = { .status = permanent ? OUTCOME_BOUNCED : OUTCOME_DEFERRED,
                         .text = session_said(t->session, answer, step, &d->arena),
                         .diag_type = STR("smtp"),
                         .mta_name = t->session->name };

    if (!permanent && t->more_servers) {
        log_info(STR_FMT ": " STR_FMT, STR_ARG(d->request.queue_id), STR_ARG(o.text));
        set_fault(t, answer->status, o.text);
        return;
    }
    snprintf(o.dsn, sizeof o.dsn, STR_FMT, STR_ARG(answer->status));
    o.diag_text = arena_str(&d->arena, answer->text);
    delivery_finish(d, rcpt, &o);
}

static void refuse_all(struct transfer *t, const struct smtp_answer *answer, enum smtp_step step)
{
    for (size_t i = 0; i < t->count; i++)
        if (t->verdicts[i] != RCPT_REFUSED && !t->rcpts[i]->finished)
            refuse_recipient(t, t->rcpts[i], answer, step);
}

static void accept_one(struct transfer *t, size_t i, const struct smtp_answer *answer)
{
    struct delivery *d = t->d;
    struct delivery_rcpt *rcpt = t->rcpts[i];
    struct outcome o = { .status = OUTCOME_SENT,
                         .text = arena_str(&d->arena, answer->text),
                         .diag_type = STR("smtp"),
                         .mta_name = t->session->name };

    snprintf(o.dsn, sizeof o.dsn, STR_FMT, STR_ARG(answer->status));
    o.diag_text = o.text;
    for (size_t k = 0; k < o.text.len; k++)
        if (o.text.ptr[k] == '\n') {
            char *copy = arena_cstr(&d->arena, o.text);
            for (char *c = copy; *c; c++)
                *c = *c == '\n' ? ' ' : *c;
            o.text.ptr = copy;
            break;
        }
    if (offers(t, SMTP_EXT_DSN))
        rcpt->info.dsn_notify &= ~DSN_NOTIFY_SUCCESS; /* the next server reports success */
    else
        o.action = "relayed";
    delivery_finish(d, rcpt, &o);
}

static void on_rcpt(struct transfer *t, const struct smtp_client_event *ev)
{
    if (ev->answer.code < 300) {
        t->verdicts[ev->recipient] = RCPT_TAKEN;
        t->taken++;
        return;
    }
    t->verdicts[ev->recipient] = RCPT_REFUSED;
    refuse_recipient(t, t->rcpts[ev->recipient], &ev->answer, SMTP_STEP_RCPT);
}

static void on_accepted(struct transfer *t, const struct smtp_client_event *ev)
{
    bool lmtp = t->session->dialogue.options.lmtp;

    for (size_t i = 0; i < t->count; i++) {
        if (t->verdicts[i] != RCPT_TAKEN || t->rcpts[i]->finished || (lmtp && i != ev->recipient))
            continue;
        if (ev->answer.code < 300)
            accept_one(t, i, &ev->answer);
        else
            refuse_recipient(t, t->rcpts[i], &ev->answer, SMTP_STEP_DOT);
    }
}

/* A message that cannot be sent as it is to this server; another one may take it. */
static bool unsuitable(struct transfer *t, const char *dsn, struct str text)
{
    struct outcome o = { .status = OUTCOME_BOUNCED, .text = text };

    set_fault(t, str_from(dsn), text);
    if (t->more_servers) {
        log_info(STR_FMT ": " STR_FMT, STR_ARG(t->d->request.queue_id), STR_ARG(text));
        return true;
    }
    snprintf(o.dsn, sizeof o.dsn, "%s", dsn);
    delivery_finish_rest(t->d, &o);
    return true;
}

static bool is_unsuitable(struct transfer *t)
{
    const struct delivery_request *r = &t->d->request;
    int64_t limit = t->session->dialogue.offer.size_limit;
    int utf8 = SENDOPT_UTF8_HEADER | SENDOPT_UTF8_SENDER | SENDOPT_UTF8_RCPT;
    BUF_AUTO(text, 1024);

    if (limit > 0 && r->data_size > limit) {
        buf_addf(&text, "message size %lld exceeds size limit %lld of server " STR_FMT, (long long)r->data_size,
                 (long long)limit, STR_ARG(t->session->shown));
        return unsuitable(t, "5.3.4", arena_str(&t->d->arena, buf_str(&text)));
    }
    if ((r->sendopts & SENDOPT_SMTPUTF8) && (r->sendopts & utf8) && !offers(t, SMTP_EXT_SMTPUTF8)) {
        buf_join(&text, STR("message requires SMTPUTF8, but no server was found that supports SMTPUTF8. "
                            "The last attempted server was "),
                 t->session->shown);
        return unsuitable(t, "5.6.7", arena_str(&t->d->arena, buf_str(&text)));
    }
    return false;
}

static void lose(struct transfer *t, enum smtp_step step)
{
    t->lost = true;
    session_describe_loss(t->session, step, &t->d->arena, &t->fault);
}

static void begin(struct transfer *t, struct smtp_transaction *tx, struct smtp_forward *forward)
{
    const struct delivery_request *r = &t->d->request;

    *forward = forward_of(r);
    *tx = (struct smtp_transaction){ .sender = external_form(t->d, r->sender),
                                     .size = r->data_size,
                                     .body = body_of(r),
                                     .smtputf8 = (r->sendopts & SENDOPT_SMTPUTF8) != 0,
                                     .envid = r->dsn_envid.len ? r->dsn_envid : STR_NONE,
                                     .ret = (enum dsn_ret)r->dsn_ret,
                                     .auth = smtp_conf.smtp_send_dummy_mail_auth,
                                     .forward = smtp_conf.smtp_send_xforward_command ? forward : NULL,
                                     .recipients = t->count,
                                     .recipient = recipient_at,
                                     .context = t };
    smtp_client_begin(&t->session->dialogue, tx);
}

/* True while the dialogue goes on. */
static bool step(struct transfer *t, const struct smtp_client_event *ev)
{
    switch (ev->kind) {
    case SMTP_CLIENT_NEED_INPUT:
        if (session_fill(t->session, ev->step))
            return true;
        lose(t, ev->step);
        return false;
    case SMTP_CLIENT_FLUSH:
        if (session_flush(t->session))
            return true;
        lose(t, smtp_client_step(&t->session->dialogue));
        return false;
    case SMTP_CLIENT_MAIL:
        if (ev->answer.code >= 400)
            refuse_all(t, &ev->answer, SMTP_STEP_MAIL);
        return true;
    case SMTP_CLIENT_RCPT:
        on_rcpt(t, ev);
        return true;
    case SMTP_CLIENT_DATA:
        refuse_all(t, &ev->answer, SMTP_STEP_DATA);
        return true;
    case SMTP_CLIENT_SEND:
        if (content_send(t->d, t->session))
            return true;
        lose(t, SMTP_STEP_BODY);
        return false;
    case SMTP_CLIENT_ACCEPTED:
        on_accepted(t, ev);
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

void transfer_run(struct transfer *t)
{
    struct smtp_transaction tx;
    struct smtp_forward forward;
    struct smtp_client_event ev;

    if (is_unsuitable(t))
        return;
    begin(t, &tx, &forward);
    do {
        ev = smtp_client_next(&t->session->dialogue);
    } while (step(t, &ev));
    if (t->session->dialogue.closing)
        t->lost = true;
}
