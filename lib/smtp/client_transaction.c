/* One transaction of the client: which command when, and what each reply means. */
#include "base/mem.h"
#include "smtp/client_state.h"
#include "smtp/xattr.h"
#include "text/xtext.h"

static bool offers(const struct smtp_client *c, unsigned extension)
{
    return c->offer.extensions & extension;
}

/* ---- commands ---- */

static void add_attr(struct smtp_client *c, enum smtp_xattr attr, struct str value,
                     struct buf *line)
{
    if (value.len && (c->offer.xforward & (1u << attr)))
        smtp_xattr_format(attr, value, line);
}

static void send_attrs(struct smtp_client *c, enum smtp_step step, const struct buf *line)
{
    if (line->len > sizeof("XFORWARD") - 1)
        smtp_client_command(c, step, 0, buf_str(line));
}

static void send_where(struct smtp_client *c, const struct smtp_forward *f)
{
    BUF_AUTO(line, 0);

    buf_add(&line, STR("XFORWARD"));
    add_attr(c, SMTP_XATTR_NAME, f->name, &line);
    add_attr(c, SMTP_XATTR_ADDR, f->addr, &line);
    add_attr(c, SMTP_XATTR_PORT, f->port, &line);
    send_attrs(c, SMTP_STEP_XFORWARD_NAME_ADDR, &line);
}

static void send_how(struct smtp_client *c, const struct smtp_forward *f)
{
    BUF_AUTO(line, 0);

    buf_add(&line, STR("XFORWARD"));
    add_attr(c, SMTP_XATTR_PROTO, f->proto, &line);
    add_attr(c, SMTP_XATTR_HELO, f->helo, &line);
    add_attr(c, SMTP_XATTR_IDENT, f->ident, &line);
    add_attr(c, SMTP_XATTR_SOURCE, f->source, &line);
    send_attrs(c, SMTP_STEP_XFORWARD_PROTO_HELO, &line);
}

static void send_mail(struct smtp_client *c)
{
    const struct smtp_transaction *t = c->state->t;
    BUF_AUTO(line, 0);

    buf_join(&line, STR("MAIL FROM:<"), t->sender, STR(">"));
    if (t->size >= 0 && offers(c, SMTP_EXT_SIZE)) {
        buf_add(&line, STR(" SIZE="));
        buf_add_int(&line, t->size);
    }
    if (t->body != SMTP_BODY_UNKNOWN && offers(c, SMTP_EXT_8BITMIME))
        buf_add(&line, t->body == SMTP_BODY_8BITMIME ? STR(" BODY=8BITMIME") : STR(" BODY=7BIT"));
    if (t->smtputf8 && offers(c, SMTP_EXT_SMTPUTF8))
        buf_add(&line, STR(" SMTPUTF8"));
    if (t->requiretls && offers(c, SMTP_EXT_REQUIRETLS))
        buf_add(&line, STR(" REQUIRETLS"));
    if (t->envid.len && offers(c, SMTP_EXT_DSN)) {
        buf_add(&line, STR(" ENVID="));
        xtext_encode(t->envid, &line);
    }
    if (t->ret != DSN_RET_NONE && offers(c, SMTP_EXT_DSN))
        buf_join(&line, STR(" RET="), dsn_ret_name(t->ret));
    if (t->auth && c->authenticated)
        buf_add(&line, STR(" AUTH=<>"));
    smtp_client_command(c, SMTP_STEP_MAIL, 0, buf_str(&line));
    c->half_done = true;
}

static void send_rcpt(struct smtp_client *c, size_t index)
{
    const struct smtp_transaction *t = c->state->t;
    struct smtp_rcpt r = t->recipient(t->context, index);
    BUF_AUTO(line, 0);

    buf_join(&line, STR("RCPT TO:<"), r.path, STR(">"));
    if (r.orcpt.len && offers(c, SMTP_EXT_DSN)) {
        buf_add(&line, STR(" ORCPT="));
        dsn_orcpt_format(r.orcpt, t->smtputf8 && offers(c, SMTP_EXT_SMTPUTF8), &line);
    }
    if (r.notify && offers(c, SMTP_EXT_DSN)) {
        buf_add(&line, STR(" NOTIFY="));
        dsn_notify_format(r.notify, &line);
    }
    smtp_client_command(c, SMTP_STEP_RCPT, index, buf_str(&line));
}

static bool rcpt_pending(const struct smtp_client_state *st)
{
    for (size_t i = 0; i < st->pending_count; i++)
        if (st->pending[(st->pending_head + i) % st->pending_size].step == SMTP_STEP_RCPT)
            return true;
    return false;
}

static void send_data(struct smtp_client *c)
{
    struct smtp_client_state *st = c->state;

    st->next_command = SMTP_SEND_NOTHING;
    if ((st->t->probe && !st->t->probe_data) || (st->accepted == 0 && !rcpt_pending(st)))
        return;
    smtp_client_command(c, SMTP_STEP_DATA, 0, STR("DATA"));
}

static void send_one(struct smtp_client *c)
{
    struct smtp_client_state *st = c->state;

    switch (st->next_command) {
    case SMTP_SEND_RSET:
        if (c->half_done)
            smtp_client_command(c, SMTP_STEP_RSET, 0, STR("RSET"));
        c->half_done = false;
        st->next_command = SMTP_SEND_WHERE;
        break;
    case SMTP_SEND_WHERE:
        if (st->t->forward && offers(c, SMTP_EXT_XFORWARD))
            send_where(c, st->t->forward);
        st->next_command = SMTP_SEND_HOW;
        break;
    case SMTP_SEND_HOW:
        if (st->t->forward && offers(c, SMTP_EXT_XFORWARD))
            send_how(c, st->t->forward);
        st->next_command = SMTP_SEND_MAIL;
        break;
    case SMTP_SEND_MAIL:
        send_mail(c);
        st->next_command = SMTP_SEND_RCPT;
        break;
    case SMTP_SEND_RCPT:
        if (st->next_recipient < st->t->recipients)
            send_rcpt(c, st->next_recipient++);
        else
            st->next_command = SMTP_SEND_DATA;
        break;
    case SMTP_SEND_DATA:
        send_data(c);
        break;
    case SMTP_SEND_NOTHING:
        break;
    }
}

void smtp_transaction_send(struct smtp_client *c)
{
    struct smtp_client_state *st = c->state;
    bool pipelining = offers(c, SMTP_EXT_PIPELINING);

    while (st->next_command != SMTP_SEND_NOTHING) {
        if (st->mail_refused) {
            st->next_command = SMTP_SEND_NOTHING;
            return;
        }
        if (st->pending_count && (!pipelining || smtp_client_window_full(c)))
            return;
        send_one(c);
    }
}

/* ---- replies ---- */

static void note_accepted(struct smtp_client_state *st, size_t recipient)
{
    if (st->accepted == st->accepted_size) {
        st->accepted_size = st->accepted_size ? 2 * st->accepted_size : 16;
        st->accepted_list =
            mem_resize(st->accepted_list, st->accepted_size * sizeof *st->accepted_list);
    }
    st->accepted_list[st->accepted++] = recipient;
}

static bool mail_reply(struct smtp_client *c, bool yes, struct smtp_client_event *ev)
{
    c->state->mail_refused = !yes;
    ev->kind = SMTP_CLIENT_MAIL;
    return true;
}

static bool rcpt_reply(struct smtp_client *c, bool yes, struct smtp_client_event *ev)
{
    if (c->state->mail_refused)
        return false;
    if (yes)
        note_accepted(c->state, ev->recipient);
    ev->kind = SMTP_CLIENT_RCPT;
    return true;
}

static bool data_reply(struct smtp_client *c, struct smtp_client_event *ev)
{
    struct smtp_client_state *st = c->state;

    st->data_granted = smtp_class_of(ev->answer.code) == SMTP_GO_ON;
    ev->kind = SMTP_CLIENT_DATA;
    if (st->mail_refused || st->accepted == 0)
        return false;
    return !st->data_granted || st->t->probe;
}

bool smtp_transaction_reply(struct smtp_client *c, const struct smtp_pending *p,
                            const struct smtp_answer *answer, struct smtp_client_event *ev)
{
    bool yes = smtp_class_of(answer->code) == SMTP_YES;

    *ev =
        (struct smtp_client_event){ .step = p->step, .answer = *answer, .recipient = p->recipient };
    switch (p->step) {
    case SMTP_STEP_XFORWARD_NAME_ADDR:
    case SMTP_STEP_XFORWARD_PROTO_HELO:
        ev->kind = SMTP_CLIENT_XFORWARD;
        return true;
    case SMTP_STEP_MAIL:
        return mail_reply(c, yes, ev);
    case SMTP_STEP_RCPT:
        return rcpt_reply(c, yes, ev);
    case SMTP_STEP_DATA:
        return data_reply(c, ev);
    case SMTP_STEP_DOT:
        ev->kind = SMTP_CLIENT_ACCEPTED;
        return c->state->accepted > 0 && !c->state->mail_refused;
    default: /* RSET in front */
        return false;
    }
}

static bool done(struct smtp_client *c, struct smtp_client_event *ev)
{
    c->transactions++;
    c->state->t = NULL;
    c->state->mode = SMTP_CMODE_READY;
    *ev = (struct smtp_client_event){ .kind = SMTP_CLIENT_DONE };
    return true;
}

/* DATA was granted although nobody is left to write to: RFC 2920 has us send an empty message. */
static void send_nothing(struct smtp_client *c)
{
    if (c->options.lmtp) {
        c->closing = true; /* how many replies would come is anybody's guess */
        smtp_client_note(c, SMTP_NOTE_SAID, STR("."));
        buf_add(&c->out, STR(".\r\n"));
    } else {
        smtp_client_command(c, SMTP_STEP_DOT, 0, STR("."));
    }
    smtp_transaction_sent(c);
}

void smtp_transaction_sent(struct smtp_client *c)
{
    struct smtp_client_state *st = c->state;

    st->content_sent = true;
    c->half_done = false;
    if (st->t->last && offers(c, SMTP_EXT_PIPELINING)) {
        smtp_client_command(c, SMTP_STEP_QUIT, 0, STR("QUIT"));
        st->quit_sent = true;
    }
}

bool smtp_transaction_next(struct smtp_client *c, struct smtp_client_event *ev)
{
    struct smtp_client_state *st = c->state;

    if (st->next_command != SMTP_SEND_NOTHING || st->pending_count > (st->quit_sent ? 1 : 0))
        return false;
    if (!st->data_granted || st->content_sent)
        return done(c, ev);
    if (st->t->probe) {
        c->closing = true;
        return done(c, ev);
    }
    if (st->mail_refused || st->accepted == 0) {
        send_nothing(c);
        return false;
    }
    smtp_encoder_init(&st->encoder, c->options.line_limit, true);
    st->mode = SMTP_CMODE_BODY;
    *ev = (struct smtp_client_event){ .kind = SMTP_CLIENT_SEND, .step = SMTP_STEP_BODY };
    return true;
}
