/* The words of refusals. */
#include "base/log.h"
#include "smtpd/access/internal.h"
#include "smtpd/reject_log.h"

static const char *const classes[] = {
    [SUBJECT_LIST] = "",
    [SUBJECT_CLIENT] = "Client host",
    [SUBJECT_REVERSE_CLIENT] = "Unverified Client host",
    [SUBJECT_HELO] = "Helo command",
    [SUBJECT_SENDER] = "Sender address",
    [SUBJECT_RECIPIENT] = "Recipient address",
    [SUBJECT_ETRN] = "Etrn command",
    [SUBJECT_DATA] = "Data command",
    [SUBJECT_END_OF_DATA] = "End-of-data",
    [SUBJECT_CERTIFICATE] = "Client certificate",
    [SUBJECT_LOGIN] = "SASL login name",
    [SUBJECT_REWRITE] = "Client host",
};

const char *judge_subject_class(enum subject_kind kind) { return classes[kind]; }

static struct str client_text(struct judge *j, struct str name)
{
    BUF_AUTO(text, 0);

    buf_join(&text, name, STR("["), j->s->peer.address, STR("]"));
    return arena_str(j->arena, buf_str(&text));
}

struct str judge_subject_text(struct judge *j)
{
    switch (j->subject) {
    case SUBJECT_CLIENT:
    case SUBJECT_REWRITE:
        return client_text(j, j->s->peer.name);
    case SUBJECT_REVERSE_CLIENT:
        return j->s->peer.reverse_name;
    case SUBJECT_HELO:
        return j->s->helo;
    case SUBJECT_SENDER:
        return j->s->t.sender_path;
    case SUBJECT_RECIPIENT:
        return j->rcpt ? j->rcpt->path : STR("");
    case SUBJECT_ETRN:
        return j->etrn_domain;
    case SUBJECT_LOGIN:
        return j->s->login.name;
    case SUBJECT_DATA:
        return STR("DATA");
    case SUBJECT_END_OF_DATA:
        return STR("END-OF-MESSAGE");
    case SUBJECT_CERTIFICATE:
        return j->s->tls ? j->s->tls->peer_name : STR("");
    case SUBJECT_LIST:
        break;
    }
    return STR("");
}

/* ---- status codes ---- */

static char fit_detail(enum subject_kind about, char detail)
{
    static const char *const sender = "1728374750677788", *const recipient =
                                                              "1122334455667382"; /* from, to */
    const char *pairs = about == SUBJECT_SENDER ? sender : recipient;

    for (; pairs[0]; pairs += 2)
        if (pairs[0] == detail)
            return pairs[1];
    return '0';
}

struct str judge_fit_status(struct judge *j, enum subject_kind about, struct str status)
{
    if (status.len < 5 || memcmp(status.ptr + 1, ".1.", 3) != 0)
        return status;
    char *fitted = arena_cstr(j->arena, status);
    if (about != SUBJECT_SENDER && about != SUBJECT_RECIPIENT)
        fitted[2] = fitted[4] = '0';
    else
        fitted[4] = (char)(status.len == 5 ? fit_detail(about, fitted[4]) : '0');
    return str_sub((struct str){ fitted, status.len }, 0, 5);
}

/* ---- replies ---- */

PRINTF(5, 0)
static struct smtp_reply compose(struct judge *j, int code, const char *status, bool with_subject,
                                 const char *fmt, va_list ap)
{
    BUF_AUTO(text, 2048);

    if (status[0]) {
        buf_addc(&text, (char)('0' + code / 100));
        buf_add_cstr(&text, status + 1);
        buf_addc(&text, ' ');
    }
    if (with_subject)
        buf_addf(&text, "<" STR_FMT ">: %s rejected: ", STR_ARG(judge_subject_text(j)),
                 judge_subject_class(j->subject));
    buf_vaddf(&text, fmt, ap);
    return (struct smtp_reply){ code, arena_str(j->arena, buf_str(&text)) };
}

static void log_warning_only(struct judge *j, struct smtp_reply reply)
{
    reject_log_event(j->s, "reject_warning", j->rcpt ? j->rcpt->path : STR_NONE, "%d " STR_FMT,
                     reply.code, STR_ARG(reply.text));
}

/* warn_if_reject turns the refusal that follows it into a log line. */
static enum outcome_kind settle(struct judge *j, struct smtp_reply reply)
{
    if (j->warn) {
        log_warning_only(j, reply);
        return JUDGE_NEXT;
    }
    j->reply = reply;
    return JUDGE_REJECT;
}

enum outcome_kind judge_reject(struct judge *j, int code, const char *status, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    struct smtp_reply reply = compose(j, code, status, true, fmt, ap);
    va_end(ap);
    return settle(j, reply);
}

enum outcome_kind judge_reject_text(struct judge *j, int code, const char *status, const char *fmt,
                                    ...)
{
    va_list ap;

    va_start(ap, fmt);
    struct smtp_reply reply = compose(j, code, status, false, fmt, ap);
    va_end(ap);
    return settle(j, reply);
}

void judge_defer_if_permit(struct judge *j, int code, const char *status, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    struct smtp_reply reply = compose(j, code, status, true, fmt, ap);
    va_end(ap);
    if (j->warn)
        log_warning_only(j, reply);
    else if (j->defer_if_permit.code == 0)
        j->defer_if_permit = reply;
}

enum outcome_kind judge_unanswered(struct judge *j, struct str action, int code, const char *status,
                                   enum subject_kind kind, const char *text)
{
    enum subject_kind before = j->subject;
    enum outcome_kind result = JUDGE_NEXT;

    j->subject = kind;
    if (str_equal_nocase(action, STR("defer")))
        result = judge_reject(j, code, status, "%s", text);
    else
        judge_defer_if_permit(j, code, status, "%s", text);
    j->subject = before;
    return result;
}

void judge_defer_if_reject(struct judge *j, int code, const char *status, const char *fmt, ...)
{
    va_list ap;

    if (j->defer_if_reject.code)
        return;
    va_start(ap, fmt);
    j->defer_if_reject = compose(j, code, status, true, fmt, ap);
    va_end(ap);
}

void judge_defer_if_reject_about(struct judge *j, int code, const char *status,
                                 enum subject_kind kind, struct str what, const char *text)
{
    BUF_AUTO(reply, 1024);

    if (j->defer_if_reject.code)
        return;
    buf_addf(&reply, "%s <" STR_FMT ">: %s rejected: %s", status, STR_ARG(what),
             judge_subject_class(kind), text);
    j->defer_if_reject = (struct smtp_reply){ code, arena_str(j->arena, buf_str(&reply)) };
}

enum outcome_kind judge_lookup_failure(struct judge *j)
{
    j->s->faults |= FAULT_DATA;
    return judge_reject_text(j, 451, "4.3.0", "<" STR_FMT ">: Temporary lookup failure",
                             STR_ARG(judge_subject_text(j)));
}

/* A mistake in the configuration is none of the client's, which warn_if_reject could forgive. */
enum outcome_kind judge_configuration_error(struct judge *j)
{
    j->s->faults |= FAULT_SOFTWARE;
    j->reply = (struct smtp_reply){ 451, STR("4.3.5 Server configuration error") };
    return JUDGE_REJECT;
}
