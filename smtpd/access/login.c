/* Does the sender address belong to the one who logged in?  smtpd_sender_login_maps says whose it is. */
#include "base/log.h"
#include "smtpd/access/internal.h"
#include "text/address.h"

static enum table_result domain_is_local(void *context, struct str domain)
{
    return rewrite_domain_is_local(context, domain) ? TABLE_FOUND : TABLE_NOT_FOUND;
}

/* The logins that own the sender of this message. */
static enum table_result find_owners(struct judge *j, struct buf *owners)
{
    struct address_walk walk = { .keys = ADDRESS_KEYS_REWRITE,
                                 .delimiters = site_conf.recipient_delimiter,
                                 .domain_is_local = domain_is_local,
                                 .context = j->s->setup->rewriter };

    return table_list_lookup_address(j->access->login_maps, judge_sender(j)->recipient, &walk,
                                     owners, NULL);
}

static enum outcome_kind refuse(struct judge *j)
{
    struct str path = j->s->t.sender_path, login = j->s->login.name;

    if (login.len == 0)
        return judge_reject_text(j, 553, "5.7.1",
                                 "<" STR_FMT ">: Sender address rejected: not logged in",
                                 STR_ARG(path));
    return judge_reject_text(j, 553, "5.7.1",
                             "<" STR_FMT ">: Sender address rejected: not owned by user " STR_FMT,
                             STR_ARG(path), STR_ARG(login));
}

void judge_ignore_login_rule(struct str restriction)
{
    log_warning("restriction `" STR_FMT "' ignored: no SASL support", STR_ARG(restriction));
}

/* `strict`: one who has logged in may use only what is his. */
static enum outcome_kind check(struct judge *j, const struct rule *rule, bool strict)
{
    BUF_AUTO(owners, 0);

    if (!smtpd_conf.smtpd_sasl_auth_enable) {
        judge_ignore_login_rule(rule->name);
        return JUDGE_NEXT;
    }
    if (j->s->t.sender.len == 0) /* nobody's, and so everybody's; or there is none yet */
        return JUDGE_NEXT;
    switch (find_owners(j, &owners)) {
    case TABLE_ERROR:
        return judge_lookup_failure(j);
    case TABLE_FOUND:
        return j->s->login.name.len && str_has_word(buf_str(&owners), j->s->login.name) ? JUDGE_NEXT
                                                                                        : refuse(j);
    case TABLE_NOT_FOUND:
        break;
    }
    return strict && j->s->login.name.len ? refuse(j) : JUDGE_NEXT;
}

enum outcome_kind rule_reject_sender_login_mismatch(struct judge *j, const struct rule *rule)
{
    if (smtpd_conf.smtpd_sasl_auth_enable)
        return check(j, rule, true);
    /* It is short for these two. */
    judge_ignore_login_rule(STR("reject_authenticated_sender_login_mismatch"));
    judge_ignore_login_rule(STR("reject_unauthenticated_sender_login_mismatch"));
    return JUDGE_NEXT;
}

enum outcome_kind rule_reject_known_sender_login_mismatch(struct judge *j, const struct rule *rule)
{
    return check(j, rule, false);
}

enum outcome_kind rule_reject_authenticated_sender_login_mismatch(struct judge *j,
                                                                  const struct rule *rule)
{
    return j->s->login.name.len || !smtpd_conf.smtpd_sasl_auth_enable ? check(j, rule, true)
                                                                      : JUDGE_NEXT;
}

enum outcome_kind rule_reject_unauthenticated_sender_login_mismatch(struct judge *j,
                                                                    const struct rule *rule)
{
    bool skip = j->s->login.name.len && smtpd_conf.smtpd_sasl_auth_enable;

    return skip ? JUDGE_NEXT : check(j, rule, true);
}
