#include "os/interfaces.h"

#include "base/mem.h"

#include <ifaddrs.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>

bool protocols_include(struct str protocols, int family)
{
    struct str mine = family == AF_INET6 ? STR("ipv6") : STR("ipv4");

    return str_has_word(protocols, STR("all")) || str_has_word(protocols, mine);
}

static bool same_host(const struct net_addr *a, const struct net_addr *b)
{
    if (a->ss.ss_family != b->ss.ss_family)
        return false;
    if (a->ss.ss_family == AF_INET)
        return memcmp(&((const struct sockaddr_in *)(const void *)&a->ss)->sin_addr,
                      &((const struct sockaddr_in *)(const void *)&b->ss)->sin_addr, 4) == 0;
    return memcmp(&((const struct sockaddr_in6 *)(const void *)&a->ss)->sin6_addr,
                  &((const struct sockaddr_in6 *)(const void *)&b->ss)->sin6_addr, 16) == 0;
}

static socklen_t family_length(int family)
{
    return family == AF_INET ? sizeof(struct sockaddr_in) : sizeof(struct sockaddr_in6);
}

static struct net_addr copy_sockaddr(const struct sockaddr *sa)
{
    struct net_addr a = { 0 };

    if (sa == NULL)
        return a;
    a.len = family_length(sa->sa_family);
    memcpy(&a.ss, sa, a.len);
    net_addr_set_port(&a, 0);
    return a;
}

static void add(struct interface_list *l, struct net_addr addr, struct net_addr mask)
{
    for (size_t i = 0; i < l->count; i++)
        if (same_host(&l->addrs[i], &addr))
            return;
    l->addrs = mem_resize(l->addrs, (l->count + 1) * sizeof *l->addrs);
    l->masks = mem_resize(l->masks, (l->count + 1) * sizeof *l->masks);
    l->addrs[l->count] = addr;
    l->masks[l->count++] = mask;
}

void interfaces_of_host(struct str protocols, struct interface_list *out)
{
    struct ifaddrs *all, *i;

    *out = (struct interface_list){ 0 };
    if (getifaddrs(&all) != 0)
        return;
    for (i = all; i; i = i->ifa_next) {
        int family = i->ifa_addr ? i->ifa_addr->sa_family : AF_UNSPEC;
        if ((family == AF_INET || family == AF_INET6) && protocols_include(protocols, family))
            add(out, copy_sockaddr(i->ifa_addr), copy_sockaddr(i->ifa_netmask));
    }
    freeifaddrs(all);
}

static bool is_loopback(const struct net_addr *a)
{
    if (a->ss.ss_family == AF_INET)
        return ntohl(((const struct sockaddr_in *)(const void *)&a->ss)->sin_addr.s_addr) >> 24 ==
               127;
    return IN6_IS_ADDR_LOOPBACK(&((const struct sockaddr_in6 *)(const void *)&a->ss)->sin6_addr);
}

static void add_host_interfaces(struct interface_list *out, struct str protocols,
                                bool loopback_only)
{
    struct interface_list host;

    interfaces_of_host(protocols, &host);
    for (size_t i = 0; i < host.count; i++)
        if (!loopback_only || is_loopback(&host.addrs[i]))
            add(out, host.addrs[i], host.masks[i]);
    interfaces_free(&host);
}

static bool add_named(struct interface_list *out, struct str name, struct str protocols,
                      struct buf *why)
{
    char text[256];
    struct addrinfo hints = { .ai_socktype = SOCK_STREAM }, *found = NULL;
    struct net_addr literal;

    if (str_starts(name, STR("[")) && str_ends(name, STR("]")))
        name = str_sub(name, 1, name.len - 1);
    if (net_addr_parse(name, 0, &literal)) {
        if (protocols_include(protocols, literal.ss.ss_family))
            add(out, literal, (struct net_addr){ 0 });
        return true;
    }
    if (!str_to_cstring(name, text, sizeof text) || getaddrinfo(text, NULL, &hints, &found) != 0) {
        buf_join(why, STR("host not found: "), name);
        return false;
    }
    for (struct addrinfo *ai = found; ai; ai = ai->ai_next)
        if (protocols_include(protocols, ai->ai_family))
            add(out, copy_sockaddr(ai->ai_addr), (struct net_addr){ 0 });
    freeaddrinfo(found);
    return true;
}

bool interfaces_resolve(struct str names, struct str protocols, struct interface_list *out,
                        struct buf *why)
{
    struct str word;

    *out = (struct interface_list){ 0 };
    while (str_token(&names, ", \t\r\n", &word)) {
        bool all = str_equal_nocase(word, STR("all"));
        if (all || str_equal_nocase(word, STR("loopback-only"))) {
            add_host_interfaces(out, protocols, !all);
        } else if (!add_named(out, word, protocols, why)) {
            interfaces_free(out);
            return false;
        }
    }
    return true;
}

void interfaces_free(struct interface_list *l)
{
    free(l->addrs);
    free(l->masks);
    *l = (struct interface_list){ 0 };
}

bool interfaces_contain(const struct interface_list *l, struct str address)
{
    struct net_addr wanted;

    (void)str_skip_prefix_nocase(&address, STR("IPv6:"));
    if (!net_addr_parse(address, 0, &wanted))
        return false;
    for (size_t i = 0; i < l->count; i++)
        if (same_host(&l->addrs[i], &wanted))
            return true;
    return false;
}
