/* Restrictions that have verify(8) find out whether an address takes mail. */
#include "base/log.h"
#include "client/verify.h"
#include "client/verify_sender.h"
#include "smtpd/access/internal.h"

#include <unistd.h>

#define TEXT_MAX 250 /* of what another server said, in a reply that may be given again and again */

/* What the parameters say of one kind of address. */
struct kind {
    enum subject_kind subject;
    char detail; /* of the status: x.1.7 */
    int reject_code, defer_code;
    struct str reason, action;
};

bool judge_is_probe_sender(const struct judge *j)
{
    BUF_AUTO(own, 0);

    verify_sender_format_plain(&own);
    return own.len && str_equal_nocase(j->s->t.sender, buf_str(&own));
}

/* A probe takes a moment; the client waits a little rather than come again. */
static bool find_out(struct str address, enum verify_status *status, struct buf *text)
{
    for (int i = 0; i < verify_conf.address_verify_poll_count; i++) {
        if (i > 0)
            (void)sleep((unsigned)verify_conf.address_verify_poll_delay);
        if (!verify_client_query(verify_conf.address_verify_service_name, address, status, text))
            return false;
        if (*status != VERIFY_TODO)
            break;
    }
    return true;
}

static enum outcome_kind defer(struct judge *j, const struct kind *k, int code, struct str text)
{
    const char status[] = { '4', '.', '1', '.', k->detail, '\0' };

    return judge_unanswered(j, k->action, code, status, k->subject, arena_cstr(j->arena, text));
}

static enum outcome_kind reject(struct judge *j, const struct kind *k, int code, struct str text)
{
    const char status[] = { '5', '.', '1', '.', k->detail, '\0' };
    enum subject_kind before = j->subject;

    j->subject = k->subject;
    enum outcome_kind result = judge_reject(j, code, status, STR_FMT, STR_ARG(text));
    j->subject = before;
    return result;
}

/* The class of the code decides what is said and for how long it holds; 2xx: it is let in all the same. */
static enum outcome_kind settle(struct judge *j, const struct kind *k, int code, struct str text)
{
    struct str why = k->reason.len ? k->reason : text;
    BUF_AUTO(said, 0);

    if (code < 400)
        return JUDGE_NEXT;
    if (code >= 500) {
        buf_join(&said, STR("undeliverable address: "), why);
        return reject(j, k, code, buf_str(&said));
    }
    buf_join(&said, STR("unverified address: "), str_sub(why, 0, TEXT_MAX));
    return defer(j, k, code, buf_str(&said));
}

static enum outcome_kind judge(struct judge *j, const struct kind *k, struct str address)
{
    enum verify_status status = VERIFY_TODO;
    BUF_AUTO(text, 0);

    if (!find_out(address, &status, &text)) {
        log_warning(STR_FMT " service failure", STR_ARG(verify_conf.address_verify_service_name));
        return defer(j, k, 450, STR("address verification problem"));
    }
    if (status == VERIFY_OK)
        return JUDGE_NEXT;
    return settle(j, k, status == VERIFY_BOUNCE ? k->reject_code : k->defer_code, buf_str(&text));
}

enum outcome_kind rule_reject_unverified_recipient(struct judge *j, const struct rule *rule)
{
    const struct kind kind = {
        .subject = SUBJECT_RECIPIENT,
        .detail = '1',
        .reject_code = smtpd_conf.unverified_recipient_reject_code,
        .defer_code = smtpd_conf.unverified_recipient_defer_code,
        .reason = smtpd_conf.unverified_recipient_reject_reason,
        .action = smtpd_conf.unverified_recipient_tempfail_action,
    };

    (void)rule;
    return j->rcpt ? judge(j, &kind, j->rcpt->address) : JUDGE_NEXT;
}

enum outcome_kind rule_reject_unverified_sender(struct judge *j, const struct rule *rule)
{
    const struct kind kind = {
        .subject = SUBJECT_SENDER,
        .detail = '7',
        .reject_code = smtpd_conf.unverified_sender_reject_code,
        .defer_code = smtpd_conf.unverified_sender_defer_code,
        .reason = smtpd_conf.unverified_sender_reject_reason,
        .action = smtpd_conf.unverified_sender_tempfail_action,
    };

    (void)rule;
    if (!j->s->t.active || j->s->t.sender.len == 0 || judge_is_probe_sender(j))
        return JUDGE_NEXT;
    return judge(j, &kind, j->s->t.sender);
}
