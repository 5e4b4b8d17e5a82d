/* Restrictions on the form of sender and recipient addresses. */
#include "text/address.h"

#include "smtpd/access/internal.h"
#include "text/hostname.h"

/* Refusals name the address they are about, in whatever list the restriction stands. */
static enum outcome_kind refuse_address(struct judge *j, enum subject_kind about, int code,
                                        const char *status, const char *text)
{
    struct str path = about == SUBJECT_SENDER ? j->s->t.sender_path : j->rcpt->path;

    return judge_reject_text(j, code, status, "<" STR_FMT ">: %s rejected: %s", STR_ARG(path),
                             judge_subject_class(about), text);
}

static bool is_qualified(struct str address)
{
    struct address_parts parts = address_split(address);

    if (parts.domain.len == 0)
        return address.len == 0;
    return hostname_is_literal(parts.domain) || str_has(parts.domain, '.');
}

enum outcome_kind rule_reject_non_fqdn_sender(struct judge *j, const struct rule *rule)
{
    (void)rule;
    if (!j->s->t.active || is_qualified(j->s->t.sender))
        return JUDGE_NEXT;
    return refuse_address(j, SUBJECT_SENDER, smtpd_conf.non_fqdn_reject_code, "5.5.2",
                          "need fully-qualified address");
}

enum outcome_kind rule_reject_non_fqdn_recipient(struct judge *j, const struct rule *rule)
{
    (void)rule;
    if (j->rcpt == NULL || is_qualified(j->rcpt->address) ||
        str_equal_nocase(j->rcpt->address, STR("postmaster")))
        return JUDGE_NEXT;
    return refuse_address(j, SUBJECT_RECIPIENT, smtpd_conf.non_fqdn_reject_code, "5.5.2",
                          "need fully-qualified address");
}

enum outcome_kind rule_reject_unlisted_recipient(struct judge *j, const struct rule *rule)
{
    (void)rule;
    if (j->rcpt == NULL)
        return JUDGE_NEXT;
    const struct resolution *r = judge_recipient(j);
    return r->flags & RESOLVE_FAIL ? judge_lookup_failure(j)
                                   : judge_unlisted(j, r, j->rcpt->path, false);
}

enum outcome_kind rule_reject_unlisted_sender(struct judge *j, const struct rule *rule)
{
    (void)rule;
    if (!j->s->t.active || j->s->t.sender.len == 0 || judge_is_probe_sender(j))
        return JUDGE_NEXT;
    const struct resolution *r = judge_sender(j);
    return r->flags & RESOLVE_FAIL ? judge_lookup_failure(j)
                                   : judge_unlisted(j, r, j->s->t.sender_path, true);
}
