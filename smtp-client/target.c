#include "smtp-client/target.h"

#include "base/log.h"
#include "base/number.h"
#include "conf/params.h"
#include "text/hostname.h"

#include <netdb.h>
#include <stdlib.h>
#include <sys/random.h>

struct parsed {
    struct str host;
    int port;
    bool bracketed;
};

bool target_next(struct str *nexthop, struct str *destination) { return str_token(nexthop, ", \t\r\n", destination); }

static int service_port(struct str text)
{
    char name[64];
    int64_t number;

    if (number_parse_range(text, 1, 65535, &number))
        return (int)number;
    if (text.len == 0 || text.len >= sizeof name)
        return -1;
    memcpy(name, text.ptr, text.len);
    name[text.len] = '\0';
    struct servent *s = getservbyname(name, "tcp");
    return s ? ntohs((uint16_t)s->s_port) : -1;
}

/* host, host:port, [host], [host]:port */
static bool parse_destination(struct str text, int default_port, struct parsed *out)
{
    struct str port;

    *out = (struct parsed){ .host = text, .port = default_port };
    if (str_starts(text, STR("["))) {
        size_t close = str_find(text, ']');
        if (close == STR_NOT_FOUND)
            return false;
        out->bracketed = true;
        out->host = str_sub(text, 1, close);
        port = str_skip(text, close + 1);
        if (port.len && !str_skip_prefix(&port, STR(":")))
            return false;
    } else {
        size_t colon = str_rfind(text, ':');
        if (colon == STR_NOT_FOUND)
            return text.len > 0;
        out->host = str_sub(text, 0, colon);
        port = str_skip(text, colon + 1);
    }
    if (port.len)
        out->port = service_port(port);
    return out->port > 0 && out->host.len > 0;
}

static struct str address_text(const struct net_addr *addr, struct arena *a)
{
    BUF_AUTO(text, 64);

    return net_addr_format(addr, &text) ? arena_str(a, buf_str(&text)) : STR("unknown");
}

struct collector {
    const struct target_context *ctx;
    struct arena *arena;
    struct target_list *list;
    size_t room;
};

static void add_server(struct collector *c, struct str name, const struct net_addr *addr, int port, int preference)
{
    struct target_list *l = c->list;

    if (l->count == c->room) {
        c->room = c->room ? c->room * 2 : 8;
        struct target_server *more = arena_alloc(c->arena, c->room * sizeof *more);
        if (l->count)
            memcpy(more, l->servers, l->count * sizeof *more);
        l->servers = more;
    }
    struct target_server *s = &l->servers[l->count++];
    *s = (struct target_server){ .name = name, .addr = *addr, .port = port, .preference = preference };
    net_addr_set_port(&s->addr, port);
    s->address = address_text(addr, c->arena);
}

static struct str name_error(struct arena *a, struct str name, const char *type, enum dns_status status)
{
    BUF_AUTO(text, 1024);

    buf_addf(&text, "Host or domain name not found. Name service error for name=" STR_FMT " type=%s: %s", STR_ARG(name),
             type, dns_status_text(status));
    return arena_str(a, buf_str(&text));
}

/* The type that the last of our queries was about. */
static const char *address_type(void)
{
    return protocols_include(site_conf.inet_protocols, AF_INET6) ? "AAAA" : "A";
}

static bool hosts_file_counts(void)
{
    return str_find_nocase(smtp_conf.smtp_host_lookup, STR("native")) != STR_NOT_FOUND;
}

static enum dns_status add_host(struct collector *c, struct str host, int port, int preference)
{
    struct dns_record *found = NULL;
    struct net_addr literal;
    struct str bare = host;

    (void)str_skip_prefix_nocase(&bare, STR("ipv6:"));
    if (net_addr_parse(bare, port, &literal)) {
        add_server(c, bare, &literal, port, preference);
        return DNS_OK;
    }
    enum dns_status status =
        dns_addresses(c->ctx->dns, host, site_conf.inet_protocols, hosts_file_counts(), c->arena, &found);
    for (struct dns_record *r = status == DNS_OK ? found : NULL; r; r = r->next)
        add_server(c, host, &r->addr, port, preference);
    return status;
}

static bool is_self(const struct target_context *ctx, const struct target_server *s)
{
    return interfaces_contain(&ctx->own, s->address) || interfaces_contain(&ctx->proxy, s->address);
}

/* Exchangers no better than ourselves would only send the mail back. */
static void drop_self_and_worse(const struct target_context *ctx, struct target_list *l)
{
    int own = INT32_MAX;
    size_t kept = 0;

    for (size_t i = 0; i < l->count; i++)
        if (is_self(ctx, &l->servers[i]))
            own = MIN(own, l->servers[i].preference);
    for (size_t i = 0; i < l->count; i++)
        if (l->servers[i].preference < own)
            l->servers[kept++] = l->servers[i];
    l->dropped_self = l->count - kept;
    l->count = kept;
}

static int by_preference(const void *a, const void *b)
{
    const struct target_server *x = a, *y = b;

    return (x->preference > y->preference) - (x->preference < y->preference);
}

/* Equal preferences share the load; the preferred address family then leads within each. */
static void order(struct target_list *l)
{
    if (smtp_conf.smtp_randomize_addresses) {
        for (size_t i = l->count; i > 1; i--) {
            uint32_t random = 0;
            if (getrandom(&random, sizeof random, 0) != sizeof random)
                return;
            size_t k = random % i;
            struct target_server swap = l->servers[i - 1];
            l->servers[i - 1] = l->servers[k];
            l->servers[k] = swap;
        }
    }
    int family = str_equal_nocase(smtp_conf.smtp_address_preference, STR("ipv4"))   ? AF_INET
                 : str_equal_nocase(smtp_conf.smtp_address_preference, STR("ipv6")) ? AF_INET6
                                                                                    : AF_UNSPEC;
    size_t front = 0;
    for (size_t i = 0; family != AF_UNSPEC && i < l->count; i++) {
        if (l->servers[i].addr.ss.ss_family != family)
            continue;
        struct target_server s = l->servers[i];
        memmove(&l->servers[front + 1], &l->servers[front], (i - front) * sizeof s);
        l->servers[front++] = s;
    }
    /* qsort is not stable; an insertion sort of these few keeps the order made above. */
    for (size_t i = 1; i < l->count; i++)
        for (size_t k = i; k && by_preference(&l->servers[k - 1], &l->servers[k]) > 0; k--) {
            struct target_server swap = l->servers[k - 1];
            l->servers[k - 1] = l->servers[k];
            l->servers[k] = swap;
        }
}

static enum target_status fail(enum dns_status status, struct str name, const char *type, struct arena *a,
                               const char **dsn, struct str *why)
{
    bool temporary = status == DNS_RETRY || status == DNS_FAIL || status == DNS_MALFORMED;

    *why = name_error(a, name, type, status);
    *dsn = temporary ? (status == DNS_RETRY ? "4.4.3" : "4.4.4") : "5.4.4";
    return temporary ? TARGET_DEFER : TARGET_BOUNCE;
}

static enum target_status resolve_host(struct collector *c, const struct parsed *p, const char **dsn, struct str *why)
{
    enum dns_status status = add_host(c, arena_str(c->arena, p->host), p->port, 0);

    if (status != DNS_OK)
        return fail(status, p->host, address_type(), c->arena, dsn, why);
    order(c->list);
    return TARGET_OK;
}

static enum target_status loops(struct str domain, struct arena *a, const char **dsn, struct str *why)
{
    BUF_AUTO(text, 512);

    buf_join(&text, STR("mail for "), domain, STR(" loops back to myself"));
    *why = arena_str(a, buf_str(&text));
    *dsn = "5.4.6";
    return TARGET_BOUNCE;
}

static enum target_status collect_exchangers(struct collector *c, const struct parsed *p, struct dns_record *mx,
                                             const char **dsn, struct str *why)
{
    enum dns_status last = DNS_NOT_FOUND;
    struct str last_name = p->host;

    for (; mx; mx = mx->next) {
        if (hostname_is_ipv4(mx->text))
            log_warning("numeric domain name in resource data of MX record for " STR_FMT ": " STR_FMT, STR_ARG(p->host),
                        STR_ARG(mx->text));
        enum dns_status status = add_host(c, mx->text, p->port, mx->preference);
        if (status == DNS_OK || last == DNS_RETRY)
            continue;
        last = status;
        last_name = mx->text;
    }
    if (c->list->count)
        return TARGET_OK;
    log_warning("no MX host for " STR_FMT " has a valid address record", STR_ARG(p->host));
    if (smtp_conf.smtp_defer_if_no_mx_address_found)
        last = DNS_RETRY;
    return fail(last, last_name, address_type(), c->arena, dsn, why);
}

static bool is_null_mx(const struct dns_record *mx) { return mx->next == NULL && mx->text.len == 0; }

static enum target_status resolve_domain(struct collector *c, const struct parsed *p, const char **dsn,
                                         struct str *why)
{
    struct dns_record *mx = NULL;
    enum dns_status status = dns_query(c->ctx->dns, p->host, DNS_MX, c->arena, &mx);

    if (status == DNS_OK && is_null_mx(mx)) {
        BUF_AUTO(text, 512);
        buf_join(&text, STR("Domain "), p->host, STR(" does not accept mail (nullMX)"));
        *why = arena_str(c->arena, buf_str(&text));
        *dsn = "5.1.0";
        return TARGET_BOUNCE;
    }
    if (status == DNS_NO_DATA || status == DNS_NOT_FOUND || (status != DNS_OK && smtp_conf.ignore_mx_lookup_error)) {
        enum target_status result = resolve_host(c, p, dsn, why);
        if (result == TARGET_OK && p->port == c->ctx->default_port) {
            drop_self_and_worse(c->ctx, c->list);
            if (c->list->count == 0)
                return loops(p->host, c->arena, dsn, why);
        }
        return result;
    }
    if (status != DNS_OK)
        return fail(status, p->host, "MX", c->arena, dsn, why);
    enum target_status result = collect_exchangers(c, p, mx, dsn, why);
    if (result != TARGET_OK)
        return result;
    drop_self_and_worse(c->ctx, c->list);
    if (c->list->count == 0)
        return loops(p->host, c->arena, dsn, why);
    order(c->list);
    return TARGET_OK;
}

static enum target_status resolve_unix(struct collector *c, struct str path)
{
    struct target_server *s = arena_alloc(c->arena, sizeof *s);

    *s = (struct target_server){ .name = site_conf.myhostname, .path = arena_str(c->arena, path) };
    s->address = s->path;
    *c->list = (struct target_list){ .servers = s, .count = 1 };
    return TARGET_OK;
}

enum target_status target_resolve(const struct target_context *ctx, struct str destination, bool mx_allowed,
                                  struct arena *a, struct target_list *out, const char **dsn, struct str *why)
{
    struct collector c = { .ctx = ctx, .arena = a, .list = out };
    struct parsed p;

    *out = (struct target_list){ 0 };
    if (ctx->lmtp && str_skip_prefix(&destination, STR("unix:")))
        return resolve_unix(&c, destination);
    if (str_skip_prefix(&destination, STR("inet:")))
        mx_allowed = false;
    if (!parse_destination(destination, ctx->default_port, &p)) {
        BUF_AUTO(text, 512);
        buf_join(&text, STR("bad host or service in destination: "), destination);
        *why = arena_str(a, buf_str(&text));
        *dsn = "4.3.5";
        return TARGET_DEFER;
    }
    if (p.bracketed || !mx_allowed || ctx->lmtp || str_equal_nocase(smtp_conf.smtp_dns_support_level, STR("disabled")))
        return resolve_host(&c, &p, dsn, why);
    return resolve_domain(&c, &p, dsn, why);
}
