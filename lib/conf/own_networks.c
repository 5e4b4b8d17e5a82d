#include "conf/own_networks.h"

#include "os/interfaces.h"

#include <arpa/inet.h>
#include <netinet/in.h>

static const struct sockaddr *sockaddr_of(const struct net_addr *a) { return (const void *)&a->ss; }

static const unsigned char *address_bytes(const struct sockaddr *a, unsigned *bits)
{
    const struct sockaddr_in *v4 = (const void *)a;
    const struct sockaddr_in6 *v6 = (const void *)a;

    *bits = a->sa_family == AF_INET ? 32 : 128;
    return a->sa_family == AF_INET ? (const void *)&v4->sin_addr : (const void *)&v6->sin6_addr;
}

static unsigned mask_length(const struct sockaddr *mask)
{
    unsigned bits, n = 0;
    const unsigned char *bytes = address_bytes(mask, &bits);

    while (n < bits && (bytes[n / 8] >> (7 - n % 8) & 1))
        n++;
    return n;
}

/* The historical network class; IPv6 never had any. */
static unsigned class_length(unsigned char first, unsigned prefix, unsigned bits)
{
    if (bits != 32)
        return prefix;
    return first < 128 ? 8 : first < 192 ? 16 : first < 224 ? 24 : 32;
}

void own_network_add(struct buf *out, const struct sockaddr *address, unsigned prefix,
                     struct str style)
{
    unsigned bits;
    unsigned char net[16] = { 0 };
    char text[INET6_ADDRSTRLEN];
    BUF_AUTO(word, 100);
    const unsigned char *bytes = address_bytes(address, &bits);

    if (str_equal(style, STR("host")))
        prefix = bits;
    else if (str_equal(style, STR("class")))
        prefix = class_length(bytes[0], prefix, bits);
    for (unsigned i = 0; i < prefix; i++)
        net[i / 8] |= bytes[i / 8] & (0x80 >> i % 8);
    if (inet_ntop(address->sa_family, net, text, sizeof text) == NULL)
        return;
    if (bits == 32)
        buf_addf(&word, "%s/%u", text, prefix);
    else
        buf_addf(&word, "[%s]/%u", text, prefix);
    if (str_has_word(buf_str(out), buf_str(&word)))
        return;
    if (out->len)
        buf_addc(out, ' ');
    buf_add(out, buf_str(&word));
}

static bool same_address(const struct sockaddr *a, const struct sockaddr *b)
{
    unsigned bits, other;
    const unsigned char *bytes = address_bytes(a, &bits);

    return a->sa_family == b->sa_family && memcmp(bytes, address_bytes(b, &other), bits / 8) == 0;
}

/* The network of our interface that has this address.  An address that no interface has (a proxy's)
 * stands for itself. */
static unsigned prefix_of(const struct interface_list *host, const struct sockaddr *address)
{
    unsigned bits;

    for (size_t i = 0; i < host->count; i++)
        if (same_address(sockaddr_of(&host->addrs[i]), address) &&
            host->masks[i].ss.ss_family == address->sa_family)
            return mask_length(sockaddr_of(&host->masks[i]));
    address_bytes(address, &bits);
    return bits;
}

bool own_networks_is_style(struct str style)
{
    return str_equal(style, STR("host")) || str_equal(style, STR("subnet")) ||
           str_equal(style, STR("class"));
}

bool own_networks_format(const struct own_networks_options *o, struct buf *out, struct buf *error)
{
    struct interface_list list, host;

    buf_clear(error);
    if (!own_networks_is_style(o->style)) {
        buf_join(error, STR("unknown mynetworks_style value: "), o->style);
        return false;
    }
    if (!interfaces_resolve(o->interfaces, o->protocols, &list, error))
        return false;
    interfaces_of_host(o->protocols, &host);
    for (size_t i = 0; i < list.count; i++) {
        const struct sockaddr *address = sockaddr_of(&list.addrs[i]);
        own_network_add(out, address, prefix_of(&host, address), o->style);
    }
    interfaces_free(&host);
    interfaces_free(&list);
    return true;
}
