#include "smtpd/peer.h"

#include "base/log.h"
#include "base/number.h"
#include "ipc/attr.h"
#include "smtpd/wire.h"

static const struct str unknown = STR("unknown");

void peer_update_shown(struct session *s)
{
    BUF_AUTO(text, 0);

    buf_join(&text, s->peer.name, STR("["), s->peer.address, STR("]"));
    if (s->setup->logs_port)
        buf_join(&text, STR(":"), s->peer.port);
    s->peer.shown = arena_str(&s->arena, buf_str(&text));
}

static struct str address_text(struct session *s, const struct net_addr *addr)
{
    BUF_AUTO(text, 64);

    return net_addr_format(addr, &text) ? arena_str(&s->arena, buf_str(&text)) : unknown;
}

static struct str port_text(struct session *s, const struct net_addr *addr)
{
    BUF_AUTO(text, 16);

    buf_add_int(&text, net_addr_port(addr));
    return arena_str(&s->arena, buf_str(&text));
}

static bool same_address(const struct net_addr *a, const struct net_addr *b)
{
    BUF_AUTO(left, 64);
    BUF_AUTO(right, 64);

    return net_addr_format(a, &left) && net_addr_format(b, &right) &&
           str_equal(buf_str(&left), buf_str(&right));
}

/* A name counts only when it leads back to the address. */
static void verify_name(struct session *s)
{
    struct peer *p = &s->peer;
    struct dns_record *found = NULL;

    p->name_status = dns_addresses(s->setup->dns, p->reverse_name, site_conf.inet_protocols,
                                   DNS_HOSTS, &s->arena, &found);
    if (p->name_status != DNS_OK) {
        log_warning("hostname " STR_FMT " does not resolve to address " STR_FMT ": %s",
                    STR_ARG(p->reverse_name), STR_ARG(p->address),
                    dns_address_text(p->name_status));
        return;
    }
    for (struct dns_record *r = found; r; r = r->next) {
        if (same_address(&r->addr, &p->addr)) {
            p->name = p->reverse_name;
            return;
        }
    }
    p->name_status = DNS_NOT_FOUND;
    log_warning("hostname " STR_FMT " does not resolve to address " STR_FMT,
                STR_ARG(p->reverse_name), STR_ARG(p->address));
}

void peer_lookup_names(struct session *s)
{
    struct peer *p = &s->peer;
    struct str name;

    if (!p->is_inet)
        return;
    p->name = p->reverse_name = unknown;
    if (!smtpd_conf.smtpd_peername_lookup)
        return;
    p->reverse_status = dns_reverse(s->setup->dns, &p->addr, &s->arena, &name);
    p->name_status = p->reverse_status;
    if (p->reverse_status != DNS_OK)
        return;
    p->reverse_name = arena_str(&s->arena, name);
    verify_name(s);
}

struct end {
    struct str address, port;
};

static bool end_parse(const struct end *e, struct net_addr *addr)
{
    int64_t port;

    return number_parse_range(e->port, 0, 65535, &port) &&
           net_addr_parse(e->address, (int)port, addr);
}

/* Who was handed on to us (service type `pass`) is who the sender says, which may have it from a balancer. */
static bool take_passed(struct session *s)
{
    struct str rest = service_passed(s->setup->svc), name, value;
    struct end client = { STR_NONE, STR_NONE }, server = client;
    struct peer *p = &s->peer;
    const struct {
        struct str name;
        struct str *to;
    } attributes[] = { { STR("client_address"), &client.address },
                       { STR("client_port"), &client.port },
                       { STR("server_address"), &server.address },
                       { STR("server_port"), &server.port } };
    bool incomplete;

    while (attr_take(&rest, &name, &value, &incomplete))
        for (size_t i = 0; i < ARRAY_LEN(attributes); i++)
            if (str_equal(name, attributes[i].name))
                *attributes[i].to = value;
    if (!end_parse(&client, &p->addr) || !end_parse(&server, &p->server_addr))
        return false;
    p->address = arena_str(&s->arena, client.address);
    p->port = arena_str(&s->arena, client.port);
    p->server_address = arena_str(&s->arena, server.address);
    p->server_port = arena_str(&s->arena, server.port);
    return true;
}

void peer_identify(struct session *s)
{
    struct peer *p = &s->peer;

    p->address = p->name = p->reverse_name = p->port = p->server_address = p->server_port = unknown;
    p->is_inet = wire_ends(s, &p->addr, &p->server_addr);
    if (p->is_inet && take_passed(s))
        return;
    if (p->is_inet) {
        p->address = address_text(s, &p->addr);
        p->port = port_text(s, &p->addr);
        p->server_address = address_text(s, &p->server_addr);
        p->server_port = port_text(s, &p->server_addr);
    } else {
        peer_stand_in(s); /* sendmail -bs and UNIX-domain clients speak for this host */
    }
}

void peer_stand_in(struct session *s)
{
    struct peer *p = &s->peer;

    p->name = p->reverse_name = STR("localhost");
    p->address = STR("127.0.0.1");
    p->is_inet = false;
    if (!net_addr_parse(p->address, 0, &p->addr))
        log_fatal("no IPv4 loopback address");
}

void peer_format_tagged(const struct peer *p, struct buf *out)
{
    if (str_has(p->address, ':'))
        buf_add(out, STR("IPv6:"));
    buf_add(out, p->address);
}
