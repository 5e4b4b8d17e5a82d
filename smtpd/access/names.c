/* Restrictions that ask the name service about HELO names and address domains. */
#include "smtpd/access/internal.h"
#include "text/address.h"
#include "text/hostname.h"

/* A or AAAA or MX: can mail reach this name? */
static enum dns_status find_mail_host(struct judge *j, struct str domain, bool *null_mx)
{
    struct dns_record *found = NULL;
    enum dns_status mx = dns_query(j->s->setup->dns, domain, DNS_MX, j->arena, &found);

    *null_mx = mx == DNS_OK && found->next == NULL && found->text.len == 0;
    if (mx == DNS_OK || mx == DNS_RETRY)
        return mx;
    enum dns_status host = dns_addresses(j->s->setup->dns, domain, site_conf.inet_protocols,
                                         DNS_HOSTS, j->arena, &found);
    return host;
}

enum outcome_kind rule_reject_unknown_helo(struct judge *j, const struct rule *rule)
{
    struct str name = j->s->helo;
    bool null_mx;

    (void)rule;
    if (name.len == 0 || hostname_is_literal(name))
        return JUDGE_NEXT;
    enum dns_status status = find_mail_host(j, name, &null_mx);
    if (status == DNS_OK)
        return JUDGE_NEXT;
    if (status == DNS_RETRY)
        return judge_unanswered(j, smtpd_conf.unknown_helo_hostname_tempfail_action, 450, "4.7.1",
                                SUBJECT_HELO, "Host not found");
    return judge_reject_text(j, smtpd_conf.unknown_hostname_reject_code, "4.7.1",
                             "<" STR_FMT ">: Helo command rejected: %s", STR_ARG(name),
                             status == DNS_MALFORMED ? "Malformed DNS server reply"
                                                     : "Host not found");
}

static enum outcome_kind unknown_domain(struct judge *j, struct str address, struct str path,
                                        enum subject_kind kind)
{
    struct str domain = address_split(address).domain;
    bool null_mx, sender = kind == SUBJECT_SENDER;
    const char *status_code = sender ? "4.1.8" : "4.1.2";

    if (domain.len == 0 || hostname_is_literal(domain))
        return JUDGE_NEXT;
    enum dns_status status = find_mail_host(j, domain, &null_mx);
    if (null_mx)
        return judge_reject_text(j, sender ? 550 : 556, sender ? "5.7.27" : "5.1.10",
                                 "<" STR_FMT ">: %s rejected: Domain " STR_FMT
                                 " does not accept mail (nullMX)",
                                 STR_ARG(path), judge_subject_class(kind), STR_ARG(domain));
    if (status == DNS_OK)
        return JUDGE_NEXT;
    if (status == DNS_RETRY)
        return judge_unanswered(j, smtpd_conf.unknown_address_tempfail_action, 450, status_code,
                                kind, "Domain not found");
    return judge_reject_text(
        j, smtpd_conf.unknown_address_reject_code, status_code, "<" STR_FMT ">: %s rejected: %s",
        STR_ARG(path), judge_subject_class(kind),
        status == DNS_MALFORMED ? "Malformed DNS server reply" : "Domain not found");
}

enum outcome_kind rule_reject_unknown_sender_domain(struct judge *j, const struct rule *rule)
{
    (void)rule;
    if (!j->s->t.active || j->s->t.sender.len == 0)
        return JUDGE_NEXT;
    const struct resolution *r = judge_sender(j);
    if (r->flags & RESOLVE_FAIL)
        return judge_lookup_failure(j);
    if (r->flags & RESOLVE_CLASS_FINAL)
        return JUDGE_NEXT;
    return unknown_domain(j, r->recipient, j->s->t.sender_path, SUBJECT_SENDER);
}

enum outcome_kind rule_reject_unknown_recipient_domain(struct judge *j, const struct rule *rule)
{
    (void)rule;
    if (j->rcpt == NULL)
        return JUDGE_NEXT;
    const struct resolution *r = judge_recipient(j);
    if (r->flags & RESOLVE_FAIL)
        return judge_lookup_failure(j);
    if (r->flags & RESOLVE_CLASS_FINAL)
        return JUDGE_NEXT;
    return unknown_domain(j, r->recipient, j->rcpt->path, SUBJECT_RECIPIENT);
}
