/* May this client send mail to that destination through us? */
#include "base/log.h"
#include "smtpd/access/internal.h"

enum table_result judge_is_authorised_destination(struct judge *j)
{
    const struct resolution *r = judge_recipient(j);

    if (r->flags & RESOLVE_FAIL)
        return TABLE_ERROR;
    if ((r->flags & RESOLVE_ROUTED) && !smtpd_conf.allow_untrusted_routing)
        return TABLE_NOT_FOUND;
    return r->flags & (RESOLVE_CLASS_FINAL | RESOLVE_CLASS_RELAY) ? TABLE_FOUND : TABLE_NOT_FOUND;
}

static enum outcome_kind deny_relay(struct judge *j, int code, const char *status)
{
    switch (j->rcpt ? judge_is_authorised_destination(j) : TABLE_FOUND) {
    case TABLE_FOUND:
        return JUDGE_NEXT;
    case TABLE_NOT_FOUND:
        return judge_reject_text(j, code, status, "<" STR_FMT ">: Relay access denied",
                                 STR_ARG(j->rcpt->path));
    case TABLE_ERROR:
        break;
    }
    return judge_lookup_failure(j);
}

enum outcome_kind rule_reject_unauth_destination(struct judge *j, const struct rule *rule)
{
    (void)rule;
    return deny_relay(j, smtpd_conf.relay_domains_reject_code, "5.7.1");
}

enum outcome_kind rule_defer_unauth_destination(struct judge *j, const struct rule *rule)
{
    (void)rule;
    return deny_relay(j, 454, "4.7.1");
}

enum outcome_kind rule_permit_auth_destination(struct judge *j, const struct rule *rule)
{
    (void)rule;
    if (j->rcpt == NULL)
        return JUDGE_NEXT;
    switch (judge_is_authorised_destination(j)) {
    case TABLE_FOUND:
        return JUDGE_PERMIT;
    case TABLE_NOT_FOUND:
        return JUDGE_NEXT;
    case TABLE_ERROR:
        break;
    }
    return judge_lookup_failure(j);
}

/* An old name: mail for our domains passes, everything else is refused. */
enum outcome_kind rule_check_relay_domains(struct judge *j, const struct rule *rule)
{
    log_warning(
        "restriction check_relay_domains is an old name; use reject_unauth_destination instead");
    enum outcome_kind result = rule_permit_auth_destination(j, rule);
    if (result != JUDGE_NEXT || j->rcpt == NULL)
        return result;
    return judge_reject(j, smtpd_conf.relay_domains_reject_code, "5.7.1", "Relay access denied");
}
