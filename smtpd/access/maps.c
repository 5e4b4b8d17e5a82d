/* check_*_access: tables that say what to do with a client, a name, an address. */
#include "base/log.h"
#include "smtpd/access/actions.h"
#include "smtpd/access/internal.h"
#include "text/address.h"
#include "text/hostname.h"

static bool plain_parents(void)
{
    return (match_flags_for("smtpd_access_maps") & MATCH_SUBDOMAINS) != 0;
}

/* Act on what a lookup of `key` found; the words of a refusal are those of `subject`. */
static enum outcome_kind settle(struct judge *j, const struct rule *rule, enum subject_kind subject,
                                struct str key, enum table_result found, struct str value)
{
    enum subject_kind before = j->subject;
    enum outcome_kind result = JUDGE_NEXT;

    j->subject = subject;
    if (found == TABLE_ERROR) {
        j->s->faults |= FAULT_DATA;
        result = judge_reject(j, 451, "4.3.5", "Server configuration error");
    } else if (found == TABLE_FOUND) {
        j->entry_table = table_list_last(rule->maps);
        j->entry_key = key;
        result = actions_apply(j, value);
    }
    j->subject = before;
    return result;
}

static enum outcome_kind check_domain(struct judge *j, const struct rule *rule,
                                      enum subject_kind subject, struct str domain)
{
    BUF_AUTO(value, 0);

    if (domain.len == 0)
        return JUDGE_NEXT;
    enum table_result found = table_list_lookup_domain(rule->maps, domain, plain_parents(), &value);
    return settle(j, rule, subject, domain, found, buf_str(&value));
}

static enum outcome_kind check_ip(struct judge *j, const struct rule *rule,
                                  enum subject_kind subject, struct str address)
{
    BUF_AUTO(value, 0);
    enum table_result found = table_list_lookup_ip(rule->maps, address, &value);

    return settle(j, rule, subject, address, found, buf_str(&value));
}

/* Name first, then address; the name's verdict counts when it has one. */
enum outcome_kind rule_check_client_access(struct judge *j, const struct rule *rule)
{
    const struct peer *p = &j->s->peer;
    BUF_AUTO(value, 0);
    struct str key = p->name;
    enum table_result found = table_list_lookup_domain(rule->maps, key, plain_parents(), &value);

    if (found == TABLE_NOT_FOUND) {
        key = p->address;
        found = table_list_lookup_ip(rule->maps, key, &value);
    }
    return settle(j, rule, SUBJECT_CLIENT, key, found, buf_str(&value));
}

enum outcome_kind rule_check_reverse_client_access(struct judge *j, const struct rule *rule)
{
    return check_domain(j, rule, SUBJECT_REVERSE_CLIENT, j->s->peer.reverse_name);
}

enum outcome_kind rule_check_helo_access(struct judge *j, const struct rule *rule)
{
    return check_domain(j, rule, SUBJECT_HELO, j->s->helo);
}

enum outcome_kind rule_check_etrn_access(struct judge *j, const struct rule *rule)
{
    return check_domain(j, rule, SUBJECT_ETRN, j->etrn_domain);
}

enum outcome_kind rule_check_sasl_access(struct judge *j, const struct rule *rule)
{
    BUF_AUTO(value, 0);

    if (!smtpd_conf.smtpd_sasl_auth_enable)
        judge_ignore_login_rule(rule->name);
    if (j->s->login.name.len == 0 || !smtpd_conf.smtpd_sasl_auth_enable)
        return JUDGE_NEXT;
    enum table_result found = table_list_lookup(rule->maps, j->s->login.name, &value);
    return settle(j, rule, SUBJECT_LOGIN, j->s->login.name, found, buf_str(&value));
}

/* What is looked up is the address as it would be delivered, folded: routing and case do not hide it. */
static enum outcome_kind check_address(struct judge *j, const struct rule *rule,
                                       enum subject_kind subject, const struct resolution *resolved,
                                       struct str given)
{
    BUF_AUTO(value, 0);
    BUF_AUTO(folded, 0);
    buf_add_lower(&folded, given.len ? resolved->recipient : given);
    struct str address = buf_str(&folded);
    struct address_walk walk = { .keys = ADDRESS_KEYS_ACCESS |
                                         (plain_parents() ? ADDRESS_KEY_PARENTS
                                                          : ADDRESS_KEY_DOTTED_PARENTS),
                                 .delimiters = site_conf.recipient_delimiter };
    enum table_result found =
        address.len
            ? table_list_lookup_address(rule->maps, address, &walk, &value, NULL)
            : table_list_lookup(rule->maps, smtpd_conf.smtpd_null_access_lookup_key, &value);

    return settle(j, rule, subject, address, found, buf_str(&value));
}

enum outcome_kind rule_check_sender_access(struct judge *j, const struct rule *rule)
{
    return j->s->t.active ? check_address(j, rule, SUBJECT_SENDER, judge_sender(j), j->s->t.sender)
                          : JUDGE_NEXT;
}

enum outcome_kind rule_check_recipient_access(struct judge *j, const struct rule *rule)
{
    return j->rcpt ? check_address(j, rule, SUBJECT_RECIPIENT, judge_recipient(j), j->rcpt->address)
                   : JUDGE_NEXT;
}

/* A table without a word before it is about what its list is about. */
enum outcome_kind rule_check_default_access(struct judge *j, const struct rule *rule)
{
    switch (j->subject) {
    case SUBJECT_HELO:
        return rule_check_helo_access(j, rule);
    case SUBJECT_SENDER:
        return rule_check_sender_access(j, rule);
    case SUBJECT_RECIPIENT:
        return rule_check_recipient_access(j, rule);
    case SUBJECT_ETRN:
        return rule_check_etrn_access(j, rule);
    case SUBJECT_REWRITE:
        return rule_check_address_map(j, rule);
    default:
        return rule_check_client_access(j, rule);
    }
}

/* ---- the servers behind a name: check_*_{mx,ns,a}_access ---- */

struct question {
    const struct rule *rule;
    enum subject_kind subject;
    enum dns_type type;
    struct str about; /* the name or address whose servers are looked at */
    bool complained;  /* of a host: one tells enough */
};

static void log_lost_host(struct judge *j, struct question *q, struct str host,
                          enum dns_status status)
{
    enum subject_kind before = j->subject;

    if (q->type == DNS_A || q->complained)
        return;
    q->complained = true;
    j->subject = q->subject;
    log_warning("Unable to look up %s host " STR_FMT " for %s " STR_FMT ": %s",
                dns_type_name(q->type), STR_ARG(host), judge_subject_class(q->subject),
                STR_ARG(judge_subject_text(j)), dns_address_text(status));
    j->subject = before;
}

static enum outcome_kind check_host(struct judge *j, struct question *q, struct str host)
{
    struct dns_record *found = NULL;
    enum outcome_kind result = check_domain(j, q->rule, q->subject, host);

    if (result != JUDGE_NEXT)
        return result;
    enum dns_status status = dns_addresses(j->s->setup->dns, host, site_conf.inet_protocols,
                                           DNS_HOSTS, j->arena, &found);
    if (status != DNS_OK)
        log_lost_host(j, q, host, status);
    for (struct dns_record *r = found; r && result == JUDGE_NEXT; r = r->next) {
        BUF_AUTO(address, 64);
        if (net_addr_format(&r->addr, &address))
            result = check_ip(j, q->rule, q->subject, buf_str(&address));
    }
    return result;
}

static void log_no_servers(const struct question *q, struct str domain, enum dns_status status)
{
    bool refused = status == DNS_NOT_FOUND || status == DNS_NO_DATA;

    log_warning("Unable to look up %s host for " STR_FMT ": %s", dns_type_name(q->type),
                STR_ARG(refused ? q->about : domain), dns_status_text(status));
}

/* A name without MX is its own mail exchanger; without NS, its parent's servers are meant. */
static enum outcome_kind check_servers(struct judge *j, struct question *q, struct str domain)
{
    enum dns_type type = q->type;
    struct dns_record *found = NULL;
    enum outcome_kind result = JUDGE_NEXT;
    enum dns_status status =
        type == DNS_A ? DNS_NO_DATA : dns_query(j->s->setup->dns, domain, type, j->arena, &found);

    while (type == DNS_NS && (status == DNS_NO_DATA || status == DNS_NOT_FOUND) &&
           str_has(domain, '.')) {
        (void)str_cut(&domain, '.');
        status = dns_query(j->s->setup->dns, domain, type, j->arena, &found);
    }
    if ((status == DNS_NO_DATA || status == DNS_NOT_FOUND) && type != DNS_NS)
        return check_host(j, q, domain);
    if (status != DNS_OK) {
        log_no_servers(q, domain, status);
        return JUDGE_NEXT;
    }
    for (struct dns_record *r = found; r && result == JUDGE_NEXT; r = r->next)
        if (r->text.len) /* a null MX */
            result = check_host(j, q, r->text);
    return result;
}

/* Anybody can point a name at a server that is well known: such a thing is no reason to say yes. */
static enum outcome_kind never_permit(struct judge *j, const struct rule *rule,
                                      enum outcome_kind result)
{
    if (result != JUDGE_PERMIT)
        return result;
    log_warning("restriction " STR_FMT
                ": the table says OK, which is not safe here; use DUNNO to exclude a host",
                STR_ARG(rule->name));
    return judge_configuration_error(j);
}

static enum outcome_kind ask(struct judge *j, const struct rule *rule, enum subject_kind subject,
                             struct str about, struct str domain)
{
    struct question q = { rule, subject, rule->type->servers, about, false };

    if (domain.len == 0 || hostname_is_literal(domain))
        return JUDGE_NEXT;
    return never_permit(j, rule, check_servers(j, &q, domain));
}

/* A local part alone is looked up as if it were the domain. */
static enum outcome_kind check_address_servers(struct judge *j, const struct rule *rule,
                                               enum subject_kind subject, struct str address)
{
    struct str domain = address_split(address).domain;

    return ask(j, rule, subject, address, domain.ptr ? domain : address);
}

static enum outcome_kind check_client_servers(struct judge *j, const struct rule *rule,
                                              enum subject_kind subject, struct str name)
{
    return str_equal(name, STR("unknown")) ? JUDGE_NEXT : ask(j, rule, subject, name, name);
}

enum outcome_kind rule_check_client_servers(struct judge *j, const struct rule *rule)
{
    return check_client_servers(j, rule, SUBJECT_CLIENT, j->s->peer.name);
}

enum outcome_kind rule_check_reverse_client_servers(struct judge *j, const struct rule *rule)
{
    return check_client_servers(j, rule, SUBJECT_REVERSE_CLIENT, j->s->peer.reverse_name);
}

enum outcome_kind rule_check_helo_servers(struct judge *j, const struct rule *rule)
{
    return ask(j, rule, SUBJECT_HELO, j->s->helo, j->s->helo);
}

enum outcome_kind rule_check_sender_servers(struct judge *j, const struct rule *rule)
{
    return j->s->t.active ? check_address_servers(j, rule, SUBJECT_SENDER, j->s->t.sender)
                          : JUDGE_NEXT;
}

enum outcome_kind rule_check_recipient_servers(struct judge *j, const struct rule *rule)
{
    return j->rcpt ? check_address_servers(j, rule, SUBJECT_RECIPIENT, j->rcpt->address)
                   : JUDGE_NEXT;
}
