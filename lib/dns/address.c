/* Hosts and their addresses: the hosts file first, then DNS. */
#include "dns/hosts.h"
#include "dns/private.h"
#include "os/interfaces.h"

#include <netinet/in.h>

static void reverse_name(const struct net_addr *addr, struct buf *out)
{
    const unsigned char *raw;

    if (addr->ss.ss_family == AF_INET) {
        raw =
            (const unsigned char *)&((const struct sockaddr_in *)(const void *)&addr->ss)->sin_addr;
        buf_addf(out, "%d.%d.%d.%d.in-addr.arpa", raw[3], raw[2], raw[1], raw[0]);
        return;
    }
    raw = ((const struct sockaddr_in6 *)(const void *)&addr->ss)->sin6_addr.s6_addr;
    for (int i = 15; i >= 0; i--)
        buf_addf(out, "%x.%x.", raw[i] & 15, raw[i] >> 4);
    buf_add(out, STR("ip6.arpa"));
}

enum dns_status dns_reverse(struct dns *d, const struct net_addr *addr, struct arena *a,
                            struct str *name)
{
    struct str known = hosts_name(d->hosts, addr);
    struct dns_record *found;
    BUF_AUTO(query, 128);

    if (known.ptr) {
        *name = known;
        return DNS_OK;
    }
    reverse_name(addr, &query);
    enum dns_status status = dns_query(d, buf_str(&query), DNS_PTR, a, &found);
    if (status == DNS_OK)
        *name = found->text;
    return status;
}

static bool addresses_from_hosts(struct dns *d, struct str name, struct str protocols,
                                 struct arena *a, struct dns_record ***tail)
{
    struct net_addr addr;
    bool any = false;

    for (size_t i = 0; hosts_address(d->hosts, name, i, &addr); i++) {
        if (!protocols_include(protocols, addr.ss.ss_family))
            continue;
        struct dns_record *r = arena_alloc(a, sizeof *r);
        r->type = addr.ss.ss_family == AF_INET ? DNS_A : DNS_AAAA;
        r->addr = addr;
        **tail = r;
        *tail = &r->next;
        any = true;
    }
    return any;
}

enum dns_status dns_addresses(struct dns *d, struct str name, struct str protocols,
                              enum dns_address_source source, struct arena *a,
                              struct dns_record **out)
{
    static const struct {
        int family;
        enum dns_type type;
    } kinds[] = { { AF_INET, DNS_A }, { AF_INET6, DNS_AAAA } };
    struct dns_record *first = NULL, **tail = &first;
    enum dns_status worst = DNS_NOT_FOUND;

    if (source == DNS_HOSTS && addresses_from_hosts(d, name, protocols, a, &tail)) {
        *out = first;
        return DNS_OK;
    }
    for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
        if (!protocols_include(protocols, kinds[i].family))
            continue;
        enum dns_status status = source == DNS_ALONE_SAFE
                                     ? dns_query_secure(d, name, kinds[i].type, a, tail)
                                     : dns_query(d, name, kinds[i].type, a, tail);
        while (status == DNS_OK && *tail)
            tail = &(*tail)->next;
        /* A name that one family cannot answer for is not "not found"; a failure outweighs both. */
        if (status != DNS_OK && (status == DNS_RETRY || worst == DNS_NOT_FOUND))
            worst = status;
    }
    if (first == NULL)
        return worst;
    *out = first;
    return DNS_OK;
}
