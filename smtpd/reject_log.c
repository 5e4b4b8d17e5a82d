#include "smtpd/reject_log.h"

#include "base/log.h"
#include "text/address.h"

static void put_address(struct buf *out, struct str label, struct str address)
{
    buf_add(out, label);
    address_quote(address, out);
    buf_addc(out, '>');
}

/* Of a whole message only one recipient can be named. */
static struct str only_recipient(const struct session *s)
{
    bool whole =
        s->where == SMTP_CMD_DATA || s->where == SMTP_CMD_BDAT || s->where == SMTP_CMD_UNKNOWN;

    return whole && s->t.rcpt_accepted == 1 ? s->t.first_rcpt.address : STR_NONE;
}

static void put_envelope(struct session *s, struct str recipient, struct buf *out)
{
    if (recipient.ptr == NULL)
        recipient = only_recipient(s);
    if (s->t.active)
        put_address(out, STR(" from=<"), s->t.sender_path);
    if (recipient.ptr)
        put_address(out, STR(" to=<"), session_shown_address(recipient));
    buf_join(out, STR(" proto="), session_protocol(s));
    if (s->helo.ptr)
        buf_join(out, STR(" helo=<"), s->helo, STR(">"));
}

static void put_login(const struct session *s, struct buf *out)
{
    if (s->login.name.ptr)
        buf_join(out, STR(" sasl_method="), s->login.method, STR(" sasl_username="), s->login.name);
    if (s->t.mail.auth.len)
        buf_join(out, STR(" sasl_sender="), s->t.mail.auth);
}

static struct str where_name(const struct session *s)
{
    return s->where == SMTP_CMD_UNKNOWN ? STR("END-OF-MESSAGE") : smtp_command_name(s->where);
}

static void write_line(struct session *s, const char *action, struct str text)
{
    log_info("%s: %s: " STR_FMT " from " STR_FMT ": " STR_FMT, session_queue_id(s), action,
             STR_ARG(where_name(s)), STR_ARG(s->peer.shown), STR_ARG(text));
}

void reject_log_event(struct session *s, const char *action, struct str recipient, const char *fmt,
                      ...)
{
    BUF_AUTO(text, 2048);
    va_list ap;

    va_start(ap, fmt);
    buf_vaddf(&text, fmt, ap);
    va_end(ap);
    buf_addc(&text, ';');
    put_envelope(s, recipient, &text);
    put_login(s, &text);
    write_line(s, action, buf_str(&text));
}

void reject_log_milter(struct session *s, const char *action, struct str recipient, struct str text)
{
    BUF_AUTO(line, 4096);

    buf_join(&line, text, STR(";"));
    put_envelope(s, recipient, &line);
    if (s->login.name.ptr)
        buf_join(&line, STR(" sasl_username=<"), s->login.name, STR(">"));
    write_line(s, action, buf_str(&line));
}

void reject_log(struct session *s, struct str recipient, struct smtp_reply reply)
{
    bool soft = site_conf.soft_bounce && reply.code >= 500;
    struct str text = reply.text;
    bool softened_status = soft && dsn_status_length(text) && text.ptr[0] == '5';

    s->faults |= s->unlisted ? FAULT_BOUNCE : FAULT_POLICY;
    s->unlisted = false;
    reject_log_event(s, "reject", recipient, "%d %s" STR_FMT, soft ? reply.code - 100 : reply.code,
                     softened_status ? "4" : "",
                     STR_ARG(softened_status ? str_skip(text, 1) : text));
}
