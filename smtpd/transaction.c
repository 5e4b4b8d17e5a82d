#include "smtpd/transaction.h"

#include "base/log.h"
#include "smtpd/mail_sink.h"
#include "smtpd/milters.h"

void transaction_begin(struct session *s, const struct smtp_mail *mail, struct str line)
{
    struct transaction *t = &s->t;

    *t = (struct transaction){ .arena = t->arena, .active = true, .actions = ACTIONS_INIT };
    t->mail = *mail;
    t->mail.auth = mail->auth.ptr ? arena_str(&t->arena, mail->auth) : STR_NONE;
    t->mail.envid = arena_str(&t->arena, mail->envid);
    t->mail.verp_delimiters = arena_str(&t->arena, mail->verp_delimiters);
    t->mail_line = arena_str(&t->arena, line);
    t->sender = arena_str(&t->arena, mail->address);
    t->sender_path = session_shown_address(t->sender);
    service_note_engaged(s->setup->svc, true);
}

void transaction_end(struct session *s)
{
    struct transaction *t = &s->t;
    struct arena arena = t->arena;

    if (t->open)
        s->setup->sink->abort(s);
    milters_end_message(s);
    if (t->active) /* what XFORWARD said was about this message */
        memset(&s->forwarded, 0, sizeof s->forwarded);
    buf_free(&t->actions.prepend);
    buf_free(&t->actions.bcc);
    arena_reset(&arena);
    *t = (struct transaction){ .arena = arena };
    service_note_engaged(s->setup->svc, false);
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
    if (s->t.mail.auth.len)
        buf_join(&more, STR(", sasl_sender="), s->t.mail.auth);
    if (s->forwarded.ident.len)
        buf_join(&more, STR(", orig_queue_id="), s->forwarded.ident);
    if (s->forwarded.name.ptr)
        add_first_client(s, &more);
    log_info("%s: client=" STR_FMT STR_FMT, session_queue_id(s), STR_ARG(s->peer.shown),
             STR_ARG(buf_str(&more)));
}

struct smtp_reply transaction_open(struct session *s)
{
    if (s->t.open)
        return MAIL_SINK_GOES_ON;
    struct smtp_reply reply = s->setup->sink->begin(s);
    if (reply.code)
        return reply;
    s->t.open = true;
    log_client(s);
    return MAIL_SINK_GOES_ON;
}

struct smtp_reply transaction_add_recipient(struct session *s, const struct smtp_rcpt *rcpt,
                                            struct str line)
{
    struct transaction *t = &s->t;
    struct smtp_reply reply = s->setup->sink->recipient(s, rcpt, line);

    if (reply.code == 0 && t->rcpt_accepted++ == 0)
        t->first_rcpt = (struct smtp_rcpt){
            .path = arena_str(&t->arena, session_shown_address(rcpt->address)),
            .address = arena_str(&t->arena, rcpt->address),
        };
    return reply;
}

struct smtp_reply transaction_begin_content(struct session *s)
{
    struct smtp_reply reply = s->setup->sink->content(s);

    s->t.in_content = reply.code == 0;
    return reply;
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
    if (!t->too_big)
        s->setup->sink->text(s, text, ends_line);
}

struct smtp_reply transaction_commit(struct session *s, enum smtp_command how, struct arena *a)
{
    if (s->t.too_big)
        return (struct smtp_reply)MAIL_SINK_TOO_BIG;
    struct smtp_reply reply = s->setup->sink->end(s, how, a);
    s->t.open = false;
    return reply;
}
