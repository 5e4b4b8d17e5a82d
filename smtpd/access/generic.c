/* Restrictions that need no more than themselves. */
#include "base/log.h"
#include "base/number.h"
#include "smtpd/access/internal.h"
#include "smtpd/wire.h"

#include <time.h>

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

/* rule_list_judge() knows it: it is about the restriction behind it. */
enum outcome_kind rule_warn_if_reject(struct judge *j, const struct rule *rule)
{
    (void)j;
    (void)rule;
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
    (void)rule;
    judge_defer_if_reject(j, 450, "4.7.0", "defer_if_reject requested");
    return JUDGE_NEXT;
}

/* sleep SECONDS: those who cannot wait for a reply talk ahead or leave. */
enum outcome_kind rule_sleep(struct judge *j, const struct rule *rule)
{
    int64_t seconds;

    if (!number_parse_range(rule->argument, 0, 3600, &seconds)) {
        log_warning("restriction sleep must be followed by number");
        return judge_configuration_error(j);
    }
    struct timespec pause = { .tv_sec = (time_t)seconds };
    if (wire_flush(j->s))
        (void)nanosleep(&pause, NULL);
    return JUDGE_NEXT;
}

enum outcome_kind rule_reject_plaintext_session(struct judge *j, const struct rule *rule)
{
    (void)rule;
    if (j->s->dialogue.secured)
        return JUDGE_NEXT;
    return judge_reject_text(j, smtpd_conf.plaintext_reject_code, "4.7.1",
                             "Session encryption is required");
}

/* Talking ahead needs our word that we can bear it (EHLO), and even then not behind every command (RFC 2920). */
static bool may_talk_ahead(const struct session *s)
{
    return s->dialogue.esmtp && s->dialogue.options.pipelining &&
           !smtp_command_ends_group(s->where);
}

enum outcome_kind rule_reject_unauth_pipelining(struct judge *j, const struct rule *rule)
{
    (void)rule;
    if (!smtp_server_has_input(&j->s->dialogue) || may_talk_ahead(j->s))
        return JUDGE_NEXT;
    return judge_reject(j, 503, "5.5.0", "Improper use of SMTP command pipelining");
}

enum outcome_kind rule_reject_multi_recipient_bounce(struct judge *j, const struct rule *rule)
{
    int others = j->s->t.rcpt_accepted + (j->subject == SUBJECT_RECIPIENT ? 1 : 0);

    (void)rule;
    if (j->s->t.active && j->s->t.sender.len == 0 && others > 1)
        return judge_reject(j, smtpd_conf.multi_recipient_bounce_reject_code, "5.5.3",
                            "Multi-recipient bounce");
    return JUDGE_NEXT;
}
