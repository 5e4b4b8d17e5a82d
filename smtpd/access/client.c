/* Restrictions on the client: its address and names. */
#include "smtpd/access/internal.h"

enum outcome_kind rule_permit_mynetworks(struct judge *j, const struct rule *rule)
{
    const struct peer *p = &j->s->peer;

    (void)rule;
    switch (match_host_address(j->s->setup->mynetworks, p->name, p->address)) {
    case MATCH_YES:
        return JUDGE_PERMIT;
    case MATCH_NO:
        return JUDGE_NEXT;
    case MATCH_ERROR:
        break;
    }
    return judge_lookup_failure(j);
}

enum outcome_kind rule_permit_inet_interfaces(struct judge *j, const struct rule *rule)
{
    (void)rule;
    return j->s->peer.is_own ? JUDGE_PERMIT : JUDGE_NEXT;
}

/* local_header_rewrite_clients: what the table says of an address does not matter. */
enum outcome_kind rule_check_address_map(struct judge *j, const struct rule *rule)
{
    switch (table_list_lookup(rule->maps, j->s->peer.address, NULL)) {
    case TABLE_FOUND:
        return JUDGE_PERMIT;
    case TABLE_NOT_FOUND:
        return JUDGE_NEXT;
    case TABLE_ERROR:
        break;
    }
    return judge_lookup_failure(j);
}

enum outcome_kind rule_permit_sasl_authenticated(struct judge *j, const struct rule *rule)
{
    (void)rule;
    return session_has_login(j->s) ? JUDGE_PERMIT : JUDGE_NEXT;
}

static bool is_unknown(struct str name) { return str_equal(name, STR("unknown")); }

/* A name server that did not answer is no proof of a missing name. */
static enum outcome_kind refuse_nameless(struct judge *j, enum dns_status why, const char *status,
                                         const char *text)
{
    int code = why == DNS_RETRY ? 450 : smtpd_conf.unknown_client_reject_code;

    return judge_reject_text(j, code, status, "Client host rejected: %s, [" STR_FMT "]", text,
                             STR_ARG(j->s->peer.address));
}

enum outcome_kind rule_reject_unknown_client(struct judge *j, const struct rule *rule)
{
    (void)rule;
    if (!is_unknown(j->s->peer.name))
        return JUDGE_NEXT;
    return refuse_nameless(j, j->s->peer.name_status, "4.7.25", "cannot find your hostname");
}

enum outcome_kind rule_reject_unknown_reverse_client(struct judge *j, const struct rule *rule)
{
    (void)rule;
    if (!is_unknown(j->s->peer.reverse_name))
        return JUDGE_NEXT;
    return refuse_nameless(j, j->s->peer.reverse_status, "4.7.1",
                           "cannot find your reverse hostname");
}
