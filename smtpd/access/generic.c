/* Restrictions that need no more than themselves. */
#include "smtpd/access/internal.h"

enum outcome_kind rule_permit(struct judge *j, const struct rule *rule)
{
    (void)j;
    (void)rule;
    return JUDGE_PERMIT;
}

enum outcome_kind rule_reject(struct judge *j, const struct rule *rule)
{
    (void)rule;
    return judge_reject(j, smtpd_conf.reject_code, "5.7.1", "Access denied");
}

enum outcome_kind rule_defer(struct judge *j, const struct rule *rule)
{
    (void)rule;
    return judge_reject(j, smtpd_conf.defer_code, "4.3.2", "Try again later");
}

enum outcome_kind rule_warn_if_reject(struct judge *j, const struct rule *rule)
{
    (void)rule;
    j->warn = 1;
    return JUDGE_NEXT;
}

enum outcome_kind rule_defer_if_permit(struct judge *j, const struct rule *rule)
{
    (void)rule;
    judge_defer_if_permit(j, 450, "4.7.0", "defer_if_permit requested");
    return JUDGE_NEXT;
}

enum outcome_kind rule_defer_if_reject(struct judge *j, const struct rule *rule)
{
    struct smtp_reply kept = j->defer_if_permit;

    (void)rule;
    if (j->defer_if_reject.code == 0) {
        j->defer_if_permit.code = 0;
        judge_defer_if_permit(j, 450, "4.7.0", "defer_if_reject requested");
        j->defer_if_reject = j->defer_if_permit;
        j->defer_if_permit = kept;
    }
    return JUDGE_NEXT;
}

enum outcome_kind rule_reject_unauth_pipelining(struct judge *j, const struct rule *rule)
{
    (void)rule;
    if (smtp_server_has_input(&j->s->dialogue) && !j->s->dialogue.esmtp)
        return judge_reject(j, 503, "5.5.0", "Improper use of SMTP command pipelining");
    return JUDGE_NEXT;
}

enum outcome_kind rule_reject_multi_recipient_bounce(struct judge *j, const struct rule *rule)
{
    int others = j->s->t.rcpt_accepted + (j->subject == SUBJECT_RECIPIENT ? 1 : 0);

    (void)rule;
    if (j->s->t.active && j->s->t.sender.len == 0 && others > 1)
        return judge_reject(j, smtpd_conf.multi_recipient_bounce_reject_code, "5.5.3", "Multi-recipient bounce");
    return JUDGE_NEXT;
}
