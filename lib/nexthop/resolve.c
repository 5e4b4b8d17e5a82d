#include "nexthop/resolve.h"

#include "base/log.h"
#include "conf/params.h"
#include "nexthop/destination.h"
#include "nexthop/order.h"
#include "text/hostname.h"

#include <sys/random.h>

/* One resolution under way. */
struct lookup {
    const struct resolver *r;
    struct arena *arena;
    struct target_list *list;
    struct fault *fault;
    struct destination to; /* its host in ASCII, as DNS knows it */
    struct str written;    /* the same as the nexthop has it */
    struct deadline until;
    bool by_system; /* it was the system's own lookup that failed last */
};

/* ---- failures ---- */

#define NOT_FOUND "Host or domain name not found. Name service error for"

static const struct {
    const char *dsn;
    bool permanent;
    const char *what;
} causes[] = {
    [DNS_OK] = { "4.3.0", false, "Name service error for" },
    [DNS_NOT_FOUND] = { "5.4.4", true, NOT_FOUND },
    [DNS_NO_DATA] = { "5.4.4", true, NOT_FOUND },
    [DNS_RETRY] = { "4.4.3", false, NOT_FOUND },
    [DNS_FAIL] = { "4.4.4", false, NOT_FOUND },
    [DNS_MALFORMED] = { "5.4.4", true, "Name service error for" },
    [DNS_FILTERED] = { "4.7.0", false, "Error looking up" },
    [DNS_FILTER_BAD] = { "4.4.3", false, "Error looking up" },
};

static enum resolve_status fail(struct lookup *l, enum dns_status status, struct str name,
                                const char *type)
{
    fault_set(l->fault, l->arena, causes[status].dsn, causes[status].permanent,
              "%s name=" STR_FMT " type=%s: %s", causes[status].what, STR_ARG(name), type,
              dns_status_text(status));
    return RESOLVE_FAILED;
}

/* What the system's resolver has to say of a host. */
static enum resolve_status fail_by_system(struct lookup *l, enum dns_status status, struct str name)
{
    static const struct {
        const char *dsn, *text;
    } words[] = {
        [DNS_NOT_FOUND] = { "5.4.4", "Name or service not known" },
        [DNS_NO_DATA] = { "5.3.0", "No address associated with hostname" },
        [DNS_RETRY] = { "4.4.4", "Temporary failure in name resolution" },
    };
    enum dns_status known = status < ARRAY_LEN(words) && words[status].dsn ? status : DNS_RETRY;

    fault_set(l->fault, l->arena, words[known].dsn, known != DNS_RETRY,
              "unable to look up host " STR_FMT ": %s", STR_ARG(name), words[known].text);
    return RESOLVE_FAILED;
}

static enum resolve_status found_self(struct lookup *l)
{
    fault_set(l->fault, l->arena, "5.4.6", true, "mail for " STR_FMT " loops back to myself",
              STR_ARG(l->written));
    return RESOLVE_SELF;
}

/* The type that the last of our queries for addresses was about. */
static const char *address_type(void)
{
    return protocols_include(site_conf.inet_protocols, AF_INET6) ? "AAAA" : "A";
}

/* ---- addresses ---- */

static bool uses_mx(void)
{
    struct str level = smtp_conf.smtp_dns_support_level;

    return level.len ? !str_equal_nocase(level, STR("disabled")) : !site_conf.disable_dns_lookups;
}

static bool asks_dns(void)
{
    return uses_mx() && str_has_word(smtp_conf.smtp_host_lookup, STR("dns"));
}

static bool asks_system(void)
{
    return !uses_mx() || str_has_word(smtp_conf.smtp_host_lookup, STR("native"));
}

/* Does it matter whether names are signed? */
static bool wants_proof(void)
{
    return str_equal_nocase(smtp_conf.smtp_dns_support_level, STR("dnssec"));
}

/* Behind a list that nobody vouches for, the site may not care about the rest. */
static bool wants_address_proof(const struct dns_record *rank)
{
    return wants_proof() &&
           (rank == NULL || rank->secure ||
            !str_equal_nocase(smtp_tls_conf.smtp_tls_dane_insecure_mx_policy, STR("may")));
}

static enum dns_status query(struct lookup *l, struct str name, enum dns_type type,
                             struct dns_record **out)
{
    return wants_proof() ? dns_query_secure(l->r->dns, name, type, l->arena, out)
                         : dns_query(l->r->dns, name, type, l->arena, out);
}

/* DNS first, whatever the order of the words. */
static enum dns_status find_addresses(struct lookup *l, struct str host, bool proof,
                                      struct dns_record **found)
{
    enum dns_status status = DNS_NOT_FOUND;

    l->by_system = false;
    if (asks_dns())
        status = dns_addresses(l->r->dns, host, site_conf.inet_protocols,
                               proof ? DNS_ALONE_SAFE : DNS_ALONE, l->arena, found);
    if (status == DNS_OK || !asks_system())
        return status;
    l->by_system = true;
    return dns_addresses(l->r->dns, host, site_conf.inet_protocols, DNS_HOSTS, l->arena, found);
}

static void add_address(struct lookup *l, struct str name, const struct dns_record *found,
                        const struct dns_record *rank, int port)
{
    struct target_server s = { .name = name,
                               .addr = found->addr,
                               .port = port,
                               .proof = { .address_secure = found->secure,
                                          .owner = found->owner } };
    BUF_AUTO(text, 64);

    if (!net_addr_format(&s.addr, &text))
        return;
    s.address = arena_str(l->arena, buf_str(&text));
    if (rank) {
        s.preference = rank->preference;
        s.weight = rank->weight;
        s.proof.listed = true;
        s.proof.list_secure = rank->secure;
        s.proof.list_owner = rank->owner;
    }
    net_addr_set_port(&s.addr, port);
    target_add(l->list, l->arena, &s);
}

/* `rank`: the MX or SRV record that led here, or NULL. */
static enum dns_status add_host(struct lookup *l, struct str host, const struct dns_record *rank,
                                int port)
{
    struct dns_record *found = NULL;
    struct dns_record literal = { .type = DNS_A };
    struct str bare = host;

    (void)str_skip_prefix_nocase(&bare, STR("ipv6:"));
    if (net_addr_parse(bare, port, &literal.addr) &&
        protocols_include(site_conf.inet_protocols, literal.addr.ss.ss_family)) {
        add_address(l, bare, &literal, rank, port);
        return DNS_OK;
    }
    if (deadline_passed(l->until))
        return DNS_RETRY;
    enum dns_status status = find_addresses(l, host, wants_address_proof(rank), &found);
    for (struct dns_record *r = status == DNS_OK ? found : NULL; r; r = r->next)
        add_address(l, host, r, rank, port);
    return status;
}

static enum resolve_status resolve_host(struct lookup *l)
{
    enum dns_status status = add_host(l, arena_str(l->arena, l->to.host), NULL, l->to.port);

    if (status == DNS_OK)
        return RESOLVE_OK;
    return l->by_system ? fail_by_system(l, status, l->to.host)
                        : fail(l, status, l->to.host, address_type());
}

/* ---- lists of hosts ---- */

/* Best first; equals keep their order. */
static void sort_records(struct dns_record **list)
{
    struct dns_record *sorted = NULL;

    while (*list) {
        struct dns_record *r = *list, **at = &sorted;
        *list = r->next;
        while (*at && (*at)->preference <= r->preference)
            at = &(*at)->next;
        r->next = *at;
        *at = r;
    }
    *list = sorted;
}

static bool lacks_family(const struct target_list *list)
{
    bool seen[2] = { false, false };

    for (size_t i = 0; i < list->count; i++)
        seen[list->servers[i].addr.ss.ss_family == AF_INET6] = true;
    return !(seen[0] && seen[1]) && protocols_include(site_conf.inet_protocols, AF_INET) &&
           protocols_include(site_conf.inet_protocols, AF_INET6);
}

/* Enough servers are known when a whole preference is through: worse ones would not be tried. */
static bool is_enough(const struct lookup *l, const struct dns_record *done)
{
    size_t limit = (size_t)smtp_conf.smtp_mx_address_limit;

    if (l->list->count == TARGET_SERVERS_MAX)
        return true;
    return limit && l->list->count >= limit && done->next &&
           done->next->preference > done->preference &&
           !(smtp_conf.smtp_balance_inet_protocols && lacks_family(l->list));
}

/* The addresses of all hosts of an MX or SRV answer, as far as they can matter. */
static enum resolve_status collect_hosts(struct lookup *l, struct dns_record *hosts)
{
    enum dns_status last = DNS_NOT_FOUND;
    bool may_work_later = smtp_conf.smtp_defer_if_no_mx_address_found;
    struct str last_name = l->to.host;
    const char *type = dns_type_name(hosts->type);

    sort_records(&hosts);
    for (struct dns_record *h = hosts; h; h = h->next) {
        int port = h->type == DNS_SRV ? h->port : l->to.port;
        enum dns_status status = add_host(l, h->text, h, port);
        if (is_enough(l, h))
            break;
        if (status == DNS_OK)
            continue;
        may_work_later |= status == DNS_RETRY;
        last = status;
        last_name = h->text;
    }
    if (l->list->count)
        return RESOLVE_OK;
    log_warning("no %s host for " STR_FMT " has a valid address record", type, STR_ARG(l->to.host));
    enum resolve_status failed = l->by_system ? fail_by_system(l, last, last_name)
                                              : fail(l, last, last_name, address_type());
    if (may_work_later) {
        l->fault->permanent = false;
        l->fault->dsn[0] = '4';
    }
    return failed;
}

/* What listens elsewhere on this host is not the way in that mail would come back by. */
static bool may_be_self(const struct lookup *l) { return !l->r->lmtp && l->to.port == SMTP_PORT; }

static enum resolve_status drop_self(struct lookup *l)
{
    if (may_be_self(l))
        order_drop_self(l->list, &l->r->own, &l->r->proxy);
    return l->list->count ? RESOLVE_OK : found_self(l);
}

/* RFC 7505 wants the root to be alone; with company it says the same. */
static bool is_null(const struct dns_record *r)
{
    while (r && r->text.len)
        r = r->next;
    return r != NULL;
}

static enum resolve_status resolve_domain(struct lookup *l)
{
    struct dns_record *mx = NULL;
    enum dns_status status = query(l, l->to.host, DNS_MX, &mx);
    bool no_mx = status == DNS_NO_DATA || status == DNS_NOT_FOUND;

    if (status == DNS_OK && is_null(mx)) {
        fault_set(l->fault, l->arena, "5.1.0", true,
                  "Domain " STR_FMT " does not accept mail (nullMX)", STR_ARG(l->to.host));
        return RESOLVE_FAILED;
    }
    if (status != DNS_OK && !no_mx && !smtp_conf.ignore_mx_lookup_error)
        return fail(l, status, l->to.host, "MX");
    return status == DNS_OK ? collect_hosts(l, mx) : resolve_host(l);
}

/* ---- services (use_srv_lookup) ---- */

static bool is_srv_service(struct str service)
{
    return service.len && str_has_word(smtp_conf.use_srv_lookup, service);
}

/* True: `*result` says how it went; false: go on with MX or address lookups. */
static bool resolve_service(struct lookup *l, enum resolve_status *result)
{
    struct dns_record *srv = NULL;
    BUF_AUTO(name, 512);

    buf_join(&name, STR("_"), l->to.service, STR("._tcp."), l->to.host);
    enum dns_status status = query(l, buf_str(&name), DNS_SRV, &srv);
    if (status == DNS_OK && is_null(srv)) { /* RFC 2782: decidedly no such service */
        *result = fail(l, DNS_NO_DATA, arena_str(l->arena, buf_str(&name)), "SRV");
        return true;
    }
    if (status == DNS_OK) {
        *result = collect_hosts(l, srv);
        return true;
    }
    bool absent = status == DNS_NOT_FOUND || status == DNS_NO_DATA;
    if (absent ? smtp_conf.allow_srv_lookup_fallback : smtp_conf.ignore_srv_lookup_error)
        return false;
    *result = fail(l, status, arena_str(l->arena, buf_str(&name)), "SRV");
    return true;
}

/* ---- all together ---- */

/* Numbers for shuffling, fetched in one go. */
struct chance {
    uint32_t numbers[64];
    size_t left;
};

static uint32_t next_number(void *context)
{
    struct chance *c = context;

    if (c->left == 0) {
        c->left = ARRAY_LEN(c->numbers);
        if (getrandom(c->numbers, sizeof c->numbers, 0) != sizeof c->numbers)
            memset(c->numbers, 0, sizeof c->numbers);
    }
    return c->numbers[--c->left];
}

static int preferred_family(void)
{
    struct str wanted = smtp_conf.smtp_address_preference;

    if (str_equal_nocase(wanted, STR("ipv4")))
        return AF_INET;
    return str_equal_nocase(wanted, STR("ipv6")) ? AF_INET6 : AF_UNSPEC;
}

static void put_in_order(struct target_list *list)
{
    struct chance chance = { .left = 0 };
    struct order_rules rules = { .family = preferred_family(),
                                 .random = smtp_conf.smtp_randomize_addresses ? next_number : NULL,
                                 .context = &chance };

    if (list->count < 2)
        return;
    order_servers(list, &rules);
    order_limit(list, (size_t)smtp_conf.smtp_mx_address_limit,
                smtp_conf.smtp_balance_inet_protocols && rules.family == AF_UNSPEC);
}

static enum resolve_status resolve_path(struct lookup *l)
{
    struct str path = arena_str(l->arena, l->to.path);
    struct target_server s = { .name = site_conf.myhostname, .path = path, .address = path };

    target_add(l->list, l->arena, &s);
    return RESOLVE_OK;
}

/* An address of a family that is not in use is none to us. */
static bool is_foreign_address(struct str host)
{
    struct net_addr literal;

    return net_addr_parse(host, 0, &literal) &&
           !protocols_include(site_conf.inet_protocols, literal.ss.ss_family);
}

static void use_ascii(struct lookup *l)
{
    struct str ascii = dns_ascii_name(l->to.host, l->arena);

    l->written = l->to.host;
    if (ascii.len)
        l->to.host = ascii;
}

static enum resolve_status find_servers(struct lookup *l)
{
    enum resolve_status result;

    if (l->to.path.ptr)
        return resolve_path(l);
    (void)str_skip_prefix_nocase(&l->to.host, STR("ipv6:"));
    use_ascii(l);
    if (is_foreign_address(l->to.host)) {
        fault_set(l->fault, l->arena, "5.4.4", true,
                  "Name service error for " STR_FMT ": invalid host or domain name",
                  STR_ARG(l->to.host));
        return RESOLVE_FAILED;
    }
    bool has_records = !l->to.direct && uses_mx() && !hostname_is_address(l->to.host);
    if (has_records && is_srv_service(l->to.service) && resolve_service(l, &result))
        return result;
    result = !has_records || l->r->lmtp ? resolve_host(l) : resolve_domain(l);
    return result == RESOLVE_OK ? drop_self(l) : result;
}

enum resolve_status resolve_destination(const struct resolver *r, struct str text, struct arena *a,
                                        struct target_list *out, struct fault *fault)
{
    struct lookup l = { .r = r, .arena = a, .list = out, .fault = fault };

    *out = (struct target_list){ 0 };
    if (!destination_parse(text, r->lmtp, r->default_port, &l.to)) {
        fault_set(fault, a, "4.3.5", false, "bad host or service in destination: " STR_FMT,
                  STR_ARG(text));
        return RESOLVE_BAD;
    }
    l.until = deadline_in(RESOLVE_LIMIT_S);
    enum resolve_status result = find_servers(&l);
    if (result == RESOLVE_OK)
        put_in_order(out);
    return result;
}
