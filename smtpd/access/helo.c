/* Restrictions on the name in HELO or EHLO. */
#include "base/log.h"
#include "smtpd/access/internal.h"
#include "text/hostname.h"

static bool has_helo(const struct judge *j) { return j->s->helo.len > 0; }

/* These speak of the HELO name in whatever list they stand. */
static enum outcome_kind refuse(struct judge *j, int code, const char *status, const char *text)
{
    return judge_reject_text(j, code, status, "<" STR_FMT ">: Helo command rejected: %s",
                             STR_ARG(j->s->helo), text);
}

enum outcome_kind rule_reject_invalid_helo(struct judge *j, const struct rule *rule)
{
    struct str name = j->s->helo;

    (void)rule;
    if (!has_helo(j))
        return JUDGE_NEXT;
    if (str_starts(name, STR("[")))
        return hostname_literal_address(name).len
                   ? JUDGE_NEXT
                   : refuse(j, smtpd_conf.invalid_hostname_reject_code, "5.5.2",
                            "invalid ip address");
    if (str_ends(name, STR(".")))
        name.len--;
    if (hostname_is_valid(name, site_conf.smtputf8_enable) || hostname_is_ipv4(name))
        return JUDGE_NEXT;
    return refuse(j, smtpd_conf.invalid_hostname_reject_code, "5.5.2", "Invalid name");
}

/* An old word for clients that know no better name. */
enum outcome_kind rule_permit_naked_ip_address(struct judge *j, const struct rule *rule)
{
    log_warning("restriction " STR_FMT " is an old name; use permit_mynetworks or "
                "permit_sasl_authenticated instead",
                STR_ARG(rule->name));
    return has_helo(j) && hostname_is_address(j->s->helo) ? JUDGE_PERMIT : JUDGE_NEXT;
}

enum outcome_kind rule_reject_non_fqdn_helo(struct judge *j, const struct rule *rule)
{
    struct str name = j->s->helo;

    (void)rule;
    if (!has_helo(j) || hostname_is_literal(name))
        return JUDGE_NEXT;
    if (str_ends(name, STR(".")))
        name.len--;
    if (hostname_is_valid(name, site_conf.smtputf8_enable) && str_has(name, '.'))
        return JUDGE_NEXT;
    return refuse(j, smtpd_conf.non_fqdn_reject_code, "5.5.2", "need fully-qualified hostname");
}
