/* permit_mx_backup: are we a mail exchanger of the recipient's domain, but not the best one?  With
 * permit_mx_backup_networks the best ones must be known to us. */
#include "smtpd/access/internal.h"
#include "text/address.h"
#include "text/hostname.h"

enum answer { NO, YES, UNKNOWN };

static void note_unknown(struct judge *j, struct str host, const char *why)
{
    judge_defer_if_reject(j, 450, "4.4.4", "Unable to look up mail exchanger %s" STR_FMT ": %s",
                          host.len ? "host " : "information", STR_ARG(host), why);
}

/* Is one of the host's addresses ours? */
static enum answer host_is_us(struct judge *j, struct str host)
{
    struct dns_record *found = NULL;
    enum dns_status status = dns_addresses(j->s->setup->dns, host, site_conf.inet_protocols,
                                           DNS_HOSTS, j->arena, &found);

    if (status != DNS_OK) {
        note_unknown(j, host, dns_address_text(status));
        return UNKNOWN;
    }
    for (struct dns_record *r = found; r; r = r->next) {
        BUF_AUTO(address, 64);
        if (net_addr_format(&r->addr, &address) &&
            interfaces_contain(&j->s->setup->interfaces, buf_str(&address)))
            return YES;
    }
    return NO;
}

static enum answer host_is_known(struct judge *j, struct str host)
{
    struct dns_record *found = NULL;
    enum dns_status status = dns_addresses(j->s->setup->dns, host, site_conf.inet_protocols,
                                           DNS_HOSTS, j->arena, &found);

    if (status != DNS_OK) {
        judge_defer_if_reject(j, 450, "4.4.4",
                              "Unable to verify host " STR_FMT " as mail exchanger", STR_ARG(host));
        return UNKNOWN;
    }
    for (struct dns_record *r = found; r; r = r->next) {
        BUF_AUTO(address, 64);
        enum match_result listed = MATCH_NO;
        if (net_addr_format(&r->addr, &address))
            listed = match_address(j->access->mx_backup_networks, buf_str(&address));
        if (listed == MATCH_ERROR) {
            judge_defer_if_reject(j, 451, "4.3.0", "Temporary lookup failure");
            return UNKNOWN;
        }
        if (listed == MATCH_NO)
            return NO;
    }
    return YES;
}

static int best_preference(const struct dns_record *list)
{
    int best = list->preference;

    for (; list; list = list->next)
        best = MIN(best, list->preference);
    return best;
}

/* `check` of all exchangers with (`primary`) or without the best preference: any YES is YES, else any UNKNOWN. */
static enum answer any_host(struct judge *j, const struct dns_record *list, bool primary,
                            enum answer (*check)(struct judge *j, struct str host))
{
    int best = best_preference(list);
    enum answer result = NO;

    for (const struct dns_record *r = list; r && result != YES; r = r->next) {
        if ((r->preference == best) != primary || r->text.len == 0) /* a null MX */
            continue;
        enum answer one = check(j, r->text);
        result = one == NO ? result : one;
    }
    return result;
}

static bool backs_up(struct judge *j, struct str domain)
{
    struct dns_record *list = NULL;
    enum dns_status status = dns_query(j->s->setup->dns, domain, DNS_MX, j->arena, &list);

    if (status == DNS_RETRY || status == DNS_FAIL)
        note_unknown(j, STR(""), dns_status_text(status));
    if (status != DNS_OK)
        return false;
    if (any_host(j, list, true, host_is_us) != NO || any_host(j, list, false, host_is_us) != YES)
        return false;
    return match_list_is_empty(j->access->mx_backup_networks) ||
           any_host(j, list, true, host_is_known) == YES;
}

enum outcome_kind rule_permit_mx_backup(struct judge *j, const struct rule *rule)
{
    enum outcome_kind result = rule_permit_auth_destination(j, rule);

    if (j->rcpt == NULL || result != JUDGE_NEXT)
        return result;
    const struct resolution *r = judge_recipient(j);
    struct str domain = address_split(r->recipient).domain;
    if (domain.len == 0 || hostname_is_literal(domain))
        return JUDGE_NEXT;
    return backs_up(j, domain) ? JUDGE_PERMIT : JUDGE_NEXT;
}
