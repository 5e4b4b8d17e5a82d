/* DNS block and allow lists: reject_rbl_client, reject_rhsbl_*, permit_dnswl_client, permit_rhswl_client.
 *
 * An answer in 127.255.255.0/24 or outside of 127.0.0.0/8 says that the list (or the resolver in between)
 * has a problem, not that the client is listed: it is logged and ignored. */
#include "base/log.h"
#include "dns/dnslist.h"
#include "smtpd/access/internal.h"
#include "text/address.h"
#include "text/hostname.h"
#include "text/macro.h"

#include <netinet/in.h>

static void log_fault(const struct dnslist *spec, struct str query, const unsigned char octets[4])
{
    log_warning(STR_FMT ": answer %d.%d.%d.%d of the list " STR_FMT
                        " reports a problem with the list or the resolver, ignored",
                STR_ARG(query), octets[0], octets[1], octets[2], octets[3], STR_ARG(spec->domain));
}

static bool any_answer_counts(const struct dnslist *spec, struct str query,
                              const struct dns_record *found)
{
    bool complained = false;

    for (const struct dns_record *r = found; r; r = r->next) {
        unsigned char octets[4];
        memcpy(octets, &((const struct sockaddr_in *)(const void *)&r->addr.ss)->sin_addr, 4);
        bool fault = dnslist_answer_is_fault(octets);
        if (!fault && dnslist_matches(spec, octets))
            return true;
        if (fault && !complained)
            log_fault(spec, query, octets);
        complained |= fault;
    }
    return false;
}

enum listing { LISTED, NOT_LISTED, LIST_FAILED };

static enum listing query_list(struct judge *j, const struct dnslist *spec, struct str what,
                               struct str *reason)
{
    struct dns_record *found = NULL, *text = NULL;
    BUF_AUTO(name, 512);

    buf_join(&name, what, STR("."), spec->domain);
    struct str query = arena_str(j->arena, buf_str(&name));
    enum dns_status status = dns_query(j->s->setup->dns, query, DNS_A, j->arena, &found);
    *reason = STR_NONE;
    if (status == DNS_NOT_FOUND || status == DNS_NO_DATA)
        return NOT_LISTED;
    if (status != DNS_OK) {
        log_warning(STR_FMT ": RBL lookup error: Host or domain name not found. Name service error "
                            "for name=" STR_FMT " type=A: %s",
                    STR_ARG(query), STR_ARG(query), dns_status_text(status));
        return LIST_FAILED;
    }
    if (!any_answer_counts(spec, query, found))
        return NOT_LISTED;
    if (dns_query(j->s->setup->dns, query, DNS_TXT, j->arena, &text) == DNS_OK)
        *reason = text->text;
    return LISTED;
}

struct reply_values {
    struct judge *j;
    struct str client, code, class_name, what, domain, reason;
};

static bool reply_value(const void *context, struct str name, struct str *value)
{
    const struct reply_values *v = context;
    const struct {
        struct str name, value;
    } table[] = {
        { STR("rbl_code"), v->code },
        { STR("rbl_class"), v->class_name },
        { STR("rbl_what"), v->what },
        { STR("rbl_domain"), v->domain },
        { STR("rbl_reason"), v->reason },
        { STR("client"), v->client },
        { STR("client_address"), v->j->s->peer.address },
        { STR("client_name"), v->j->s->peer.name },
        { STR("reverse_client_name"), v->j->s->peer.reverse_name },
        { STR("helo_name"), v->j->s->helo },
        { STR("recipient"), v->j->rcpt ? v->j->rcpt->path : STR_NONE },
        { STR("sender"), v->j->s->t.sender_path },
        { STR("rbl_txt"), v->reason },
        { STR("mail_name"), site_conf.mail_name },
        { STR("myhostname"), site_conf.myhostname },
    };

    for (size_t i = 0; i < ARRAY_LEN(table); i++) {
        if (str_equal(name, table[i].name)) {
            *value = table[i].value;
            return true;
        }
    }
    return false;
}

static struct str client_text(struct judge *j)
{
    BUF_AUTO(text, 512);

    buf_join(&text, j->s->peer.name, STR("["), j->s->peer.address, STR("]"));
    return arena_str(j->arena, buf_str(&text));
}

static enum outcome_kind refuse_listed(struct judge *j, const struct dnslist *spec,
                                       enum subject_kind subject, struct str what,
                                       struct str reason)
{
    BUF_AUTO(template, 0);
    BUF_AUTO(text, 2048);
    BUF_AUTO(code, 8);
    struct smtp_reply reply;
    struct str bad;

    buf_add_int(&code, smtpd_conf.maps_rbl_reject_code);
    if (table_list_is_empty(j->access->rbl_replies) ||
        table_list_lookup(j->access->rbl_replies, spec->domain, &template) != TABLE_FOUND)
        buf_add(&template, smtpd_conf.default_rbl_reply);
    struct reply_values values = {
        j,    client_text(j), buf_str(&code), str_from(judge_subject_class(subject)),
        what, spec->domain,   reason
    };
    struct macro_source source = { .value = reply_value,
                                   .context = &values,
                                   .allowed = j->s->setup->expansion_filter };
    if (!macro_expand(buf_str(&template), &source, &text, &bad)) {
        log_warning("rbl reply template cannot be used: \"" STR_FMT "\"",
                    STR_ARG(buf_str(&template)));
        return judge_configuration_error(j);
    }
    if (!smtp_reply_split(buf_str(&text), &reply)) {
        log_warning("rbl response code configuration error: " STR_FMT, STR_ARG(buf_str(&text)));
        return judge_reject_text(j, 450, "4.7.1", "Service unavailable");
    }
    size_t status = dsn_status_length(reply.text);
    struct str own =
        status ? judge_fit_status(j, subject, str_sub(reply.text, 0, status)) : STR("5.7.1");
    return judge_reject_text(j, reply.code, arena_cstr(j->arena, own), STR_FMT,
                             STR_ARG(str_trim(str_skip(reply.text, status))));
}

/* An allow list is no licence to relay. */
static bool may_permit(struct judge *j)
{
    return j->subject != SUBJECT_RECIPIENT || j->rcpt == NULL ||
           judge_is_authorised_destination(j) == TABLE_FOUND;
}

static enum outcome_kind permit_by_list(struct judge *j, enum listing listing, struct str what)
{
    if (listing == LIST_FAILED)
        judge_defer_if_reject_about(j, 450, "4.7.1", SUBJECT_CLIENT, what, "Service unavailable");
    return listing == LISTED && may_permit(j) ? JUDGE_PERMIT : JUDGE_NEXT;
}

/* 192.0.2.1 -> 1.2.0.192; IPv6 by nibbles. */
static bool reversed_address(const struct session *s, struct buf *out)
{
    const struct net_addr *addr = &s->peer.addr;
    const unsigned char *raw;

    if (addr->ss.ss_family == AF_INET) {
        raw =
            (const unsigned char *)&((const struct sockaddr_in *)(const void *)&addr->ss)->sin_addr;
        buf_addf(out, "%d.%d.%d.%d", raw[3], raw[2], raw[1], raw[0]);
        return true;
    }
    if (addr->ss.ss_family != AF_INET6)
        return false;
    raw = ((const struct sockaddr_in6 *)(const void *)&addr->ss)->sin6_addr.s6_addr;
    for (int i = 15; i >= 0; i--)
        buf_addf(out, "%x.%x%s", raw[i] & 15, raw[i] >> 4, i ? "." : "");
    return true;
}

/* A restriction without its list asks nothing. */
static bool names_list(const struct rule *rule)
{
    if (rule->argument.len == 0)
        log_warning("restriction " STR_FMT " requires domain name argument", STR_ARG(rule->name));
    return rule->argument.len > 0;
}

static enum outcome_kind by_address(struct judge *j, struct str list, bool permit)
{
    struct dnslist spec = dnslist_parse(list);
    struct str reason;
    BUF_AUTO(what, 128);

    if (!reversed_address(j->s, &what))
        return JUDGE_NEXT;
    enum listing listing = query_list(j, &spec, buf_str(&what), &reason);
    if (permit)
        return permit_by_list(j, listing, j->s->peer.address);
    return listing == LISTED ? refuse_listed(j, &spec, SUBJECT_CLIENT, j->s->peer.address, reason)
                             : JUDGE_NEXT;
}

enum outcome_kind rule_reject_rbl_client(struct judge *j, const struct rule *rule)
{
    return names_list(rule) ? by_address(j, rule->argument, false) : JUDGE_NEXT;
}

enum outcome_kind rule_permit_dnswl_client(struct judge *j, const struct rule *rule)
{
    return names_list(rule) ? by_address(j, rule->argument, true) : JUDGE_NEXT;
}

/* An old name for several reject_rbl_client. */
enum outcome_kind rule_reject_maps_rbl(struct judge *j, const struct rule *rule)
{
    struct str lists = smtpd_conf.maps_rbl_domains, list;

    (void)rule;
    log_warning("restriction reject_maps_rbl is an old name; use reject_rbl_client DOMAIN instead");
    while (str_token(&lists, ", \t\r\n", &list)) {
        enum outcome_kind result = by_address(j, list, false);
        if (result != JUDGE_NEXT)
            return result;
    }
    return JUDGE_NEXT;
}

static enum outcome_kind by_domain(struct judge *j, const struct rule *rule, struct str domain,
                                   enum subject_kind subject, struct str what)
{
    struct dnslist spec = dnslist_parse(rule->argument);
    struct str reason;

    if (!names_list(rule) || domain.len == 0 || hostname_is_literal(domain) ||
        str_equal(domain, STR("unknown")))
        return JUDGE_NEXT;
    if (query_list(j, &spec, domain, &reason) != LISTED)
        return JUDGE_NEXT;
    return refuse_listed(j, &spec, subject, what, reason);
}

enum outcome_kind rule_reject_rhsbl_client(struct judge *j, const struct rule *rule)
{
    return by_domain(j, rule, j->s->peer.name, SUBJECT_CLIENT, j->s->peer.name);
}

enum outcome_kind rule_reject_rhsbl_reverse_client(struct judge *j, const struct rule *rule)
{
    return by_domain(j, rule, j->s->peer.reverse_name, SUBJECT_REVERSE_CLIENT,
                     j->s->peer.reverse_name);
}

enum outcome_kind rule_reject_rhsbl_helo(struct judge *j, const struct rule *rule)
{
    return by_domain(j, rule, j->s->helo, SUBJECT_HELO, j->s->helo);
}

enum outcome_kind rule_reject_rhsbl_sender(struct judge *j, const struct rule *rule)
{
    if (!j->s->t.active)
        return JUDGE_NEXT;
    return by_domain(j, rule, address_split(j->s->t.sender).domain, SUBJECT_SENDER,
                     j->s->t.sender_path);
}

enum outcome_kind rule_reject_rhsbl_recipient(struct judge *j, const struct rule *rule)
{
    if (j->rcpt == NULL)
        return JUDGE_NEXT;
    return by_domain(j, rule, address_split(j->rcpt->address).domain, SUBJECT_RECIPIENT,
                     j->rcpt->path);
}

enum outcome_kind rule_permit_rhswl_client(struct judge *j, const struct rule *rule)
{
    struct dnslist spec = dnslist_parse(rule->argument);
    struct str reason;

    if (!names_list(rule) || str_equal(j->s->peer.name, STR("unknown")))
        return JUDGE_NEXT;
    return permit_by_list(j, query_list(j, &spec, j->s->peer.name, &reason), j->s->peer.name);
}
