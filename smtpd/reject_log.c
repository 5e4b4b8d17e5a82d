/* The line that every policy decision leaves in the log; parsers and fail2ban live on its shape. */
#include "smtpd/respond.h"

#include "base/log.h"
#include "text/address.h"

static void put_context(struct session *s, struct str recipient_path, struct buf *out)
{
    if (s->t.active)
        buf_join(out, STR(" from=<"), s->t.sender_path, STR(">"));
    if (recipient_path.ptr)
        buf_join(out, STR(" to=<"), recipient_path, STR(">"));
    if (s->helo.ptr || s->where != SMTP_CMD_CONNECT)
        buf_join(out, STR(" proto="), session_protocol(s));
    if (s->helo.ptr)
        buf_join(out, STR(" helo=<"), s->helo, STR(">"));
    if (s->login.ptr)
        buf_join(out, STR(" sasl_method=XCLIENT sasl_username=<"), s->login, STR(">"));
}

static struct str where_name(const struct session *s)
{
    return s->where == SMTP_CMD_UNKNOWN ? STR("END-OF-MESSAGE") : smtp_command_name(s->where);
}

void session_log_event(struct session *s, const char *action, struct str recipient_path, const char *fmt, ...)
{
    BUF_AUTO(text, 2048);
    va_list ap;

    va_start(ap, fmt);
    buf_vaddf(&text, fmt, ap);
    va_end(ap);
    buf_addc(&text, ';');
    put_context(s, recipient_path, &text);
    log_info("%s: %s: " STR_FMT " from " STR_FMT ": " STR_FMT, session_queue_id(s), action, STR_ARG(where_name(s)),
             STR_ARG(s->peer.shown), STR_ARG(buf_str(&text)));
}

void session_log_reject(struct session *s, struct str recipient_path, struct smtp_reply reply)
{
    bool soft = site_conf.soft_bounce && reply.code >= 500;
    struct str text = reply.text;
    bool softened_status = soft && dsn_status_length(text) && text.ptr[0] == '5';

    s->faults |= FAULT_POLICY;
    session_log_event(s, "reject", recipient_path, "%d %s" STR_FMT, soft ? reply.code - 100 : reply.code,
                      softened_status ? "4" : "", STR_ARG(softened_status ? str_skip(text, 1) : text));
}
