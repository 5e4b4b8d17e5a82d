#include "dns/dns.h"

#include "base/log.h"
#include "base/mem.h"
#include "dns/hosts.h"
#include "os/fd.h"
#include "os/interfaces.h"

#include <ares.h>
#include <arpa/nameser.h>
#include <netdb.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>

#define NAME_MAX_BYTES 253

struct dns {
    ares_channel channel;
    bool ready;
    struct hosts *hosts;
};

struct dns *dns_open(const char *hosts_path)
{
    struct dns *d = mem_alloc(sizeof *d);
    struct ares_options options = { .flags = ARES_FLAG_NOSEARCH | ARES_FLAG_NOALIASES };

    if (ares_library_init(ARES_LIB_INIT_ALL) == ARES_SUCCESS &&
        ares_init_options(&d->channel, &options, ARES_OPT_FLAGS) == ARES_SUCCESS)
        d->ready = true;
    else
        log_warning("name resolver cannot be set up; all lookups will be tried again later");
    d->hosts = hosts_read(hosts_path);
    return d;
}

void dns_close(struct dns *d)
{
    if (d == NULL)
        return;
    if (d->ready)
        ares_destroy(d->channel);
    hosts_free(d->hosts);
    free(d);
}

struct answer {
    bool done;
    int status;
    struct arena *arena;
    unsigned char *bytes;
    int len;
};

static void on_answer(void *context, int status, int timeouts, unsigned char *bytes, int len)
{
    struct answer *answer = context;

    (void)timeouts;
    answer->done = true;
    answer->status = status;
    if (bytes && len > 0) {
        answer->bytes = arena_alloc(answer->arena, (size_t)len);
        memcpy(answer->bytes, bytes, (size_t)len);
        answer->len = len;
    }
}

/* Run the resolver's own sockets until the answer is there; c-ares bounds the time. */
static void run(struct dns *d, const struct answer *answer)
{
    while (!answer->done) {
        ares_socket_t sockets[ARES_GETSOCK_MAXNUM];
        struct pollfd polls[ARES_GETSOCK_MAXNUM];
        int mask = ares_getsock(d->channel, sockets, ARES_GETSOCK_MAXNUM);
        nfds_t count = 0;
        for (int i = 0; i < ARES_GETSOCK_MAXNUM; i++) {
            short events = (short)((ARES_GETSOCK_READABLE(mask, i) ? POLLIN : 0) |
                                   (ARES_GETSOCK_WRITABLE(mask, i) ? POLLOUT : 0));
            if (events)
                polls[count++] = (struct pollfd){ .fd = sockets[i], .events = events };
        }
        struct timeval most = { .tv_sec = 5 }, left;
        struct timeval *wait = ares_timeout(d->channel, &most, &left);
        (void)poll(polls, count, (int)(wait->tv_sec * 1000 + wait->tv_usec / 1000 + 1));
        bool any = false;
        for (nfds_t i = 0; i < count; i++) {
            if (polls[i].revents == 0)
                continue;
            any = true;
            ares_process_fd(d->channel, polls[i].revents & (POLLIN | POLLERR | POLLHUP) ? polls[i].fd : ARES_SOCKET_BAD,
                            polls[i].revents & POLLOUT ? polls[i].fd : ARES_SOCKET_BAD);
        }
        if (!any)
            ares_process_fd(d->channel, ARES_SOCKET_BAD, ARES_SOCKET_BAD);
    }
}

static enum dns_status status_of(int status)
{
    switch (status) {
    case ARES_SUCCESS:
        return DNS_OK;
    case ARES_ENOTFOUND:
        return DNS_NOT_FOUND;
    case ARES_ENODATA:
        return DNS_NO_DATA;
    case ARES_EREFUSED:
    case ARES_ENOTIMP:
        return DNS_FAIL;
    case ARES_EFORMERR:
    case ARES_EBADRESP:
    case ARES_EBADNAME:
        return DNS_MALFORMED;
    default: /* server failure, time-out, no connection */
        return DNS_RETRY;
    }
}

static struct dns_record *new_record(struct arena *a, enum dns_type type, struct dns_record ***tail)
{
    struct dns_record *r = arena_alloc(a, sizeof *r);

    r->type = type;
    **tail = r;
    *tail = &r->next;
    return r;
}

static struct str host_text(struct arena *a, const char *name)
{
    BUF_AUTO(text, 0);

    buf_add_lower(&text, str_from(name));
    if (str_ends(buf_str(&text), STR(".")))
        text.len--;
    return arena_str(a, buf_str(&text));
}

static int parse_a(const struct answer *in, struct arena *a, struct dns_record ***tail)
{
    struct ares_addrttl found[64];
    int count = ARRAY_LEN(found), status = ares_parse_a_reply(in->bytes, in->len, NULL, found, &count);

    for (int i = 0; status == ARES_SUCCESS && i < count; i++) {
        struct dns_record *r = new_record(a, DNS_A, tail);
        struct sockaddr_in *to = (struct sockaddr_in *)(void *)&r->addr.ss;
        *to = (struct sockaddr_in){ .sin_family = AF_INET, .sin_addr = found[i].ipaddr };
        r->addr.len = sizeof *to;
        r->ttl = (uint32_t)MAX(found[i].ttl, 0);
    }
    return status;
}

static int parse_aaaa(const struct answer *in, struct arena *a, struct dns_record ***tail)
{
    struct ares_addr6ttl found[64];
    int count = ARRAY_LEN(found), status = ares_parse_aaaa_reply(in->bytes, in->len, NULL, found, &count);

    for (int i = 0; status == ARES_SUCCESS && i < count; i++) {
        struct dns_record *r = new_record(a, DNS_AAAA, tail);
        struct sockaddr_in6 *to = (struct sockaddr_in6 *)(void *)&r->addr.ss;
        *to = (struct sockaddr_in6){ .sin6_family = AF_INET6 };
        memcpy(&to->sin6_addr, &found[i].ip6addr, 16);
        r->addr.len = sizeof *to;
        r->ttl = (uint32_t)MAX(found[i].ttl, 0);
    }
    return status;
}

static int parse_mx(const struct answer *in, struct arena *a, struct dns_record ***tail)
{
    struct ares_mx_reply *found = NULL;
    int status = ares_parse_mx_reply(in->bytes, in->len, &found);

    for (struct ares_mx_reply *i = found; i; i = i->next) {
        struct dns_record *r = new_record(a, DNS_MX, tail);
        r->preference = i->priority;
        r->text = host_text(a, i->host);
    }
    ares_free_data(found);
    return status;
}

static int parse_srv(const struct answer *in, struct arena *a, struct dns_record ***tail)
{
    struct ares_srv_reply *found = NULL;
    int status = ares_parse_srv_reply(in->bytes, in->len, &found);

    for (struct ares_srv_reply *i = found; i; i = i->next) {
        struct dns_record *r = new_record(a, DNS_SRV, tail);
        r->preference = i->priority;
        r->weight = i->weight;
        r->port = i->port;
        r->text = host_text(a, i->host);
    }
    ares_free_data(found);
    return status;
}

static int parse_txt(const struct answer *in, struct arena *a, struct dns_record ***tail)
{
    struct ares_txt_ext *found = NULL;
    int status = ares_parse_txt_reply_ext(in->bytes, in->len, &found);
    struct ares_txt_ext *i = found;

    while (i) { /* one record may be cut into several strings */
        BUF_AUTO(text, 65536);
        do {
            buf_add(&text, (struct str){ (const char *)i->txt, i->length });
            i = i->next;
        } while (i && !i->record_start);
        new_record(a, DNS_TXT, tail)->text = arena_str(a, buf_str(&text));
    }
    ares_free_data(found);
    return status;
}

static int parse_names(struct hostent *host, enum dns_type type, struct arena *a, struct dns_record ***tail)
{
    for (char **alias = host->h_aliases; alias && *alias; alias++)
        new_record(a, type, tail)->text = host_text(a, *alias);
    ares_free_hostent(host);
    return ARES_SUCCESS;
}

static int parse_ns(const struct answer *in, struct arena *a, struct dns_record ***tail)
{
    struct hostent *host = NULL;
    int status = ares_parse_ns_reply(in->bytes, in->len, &host);

    return status == ARES_SUCCESS ? parse_names(host, DNS_NS, a, tail) : status;
}

static int parse_ptr(const struct answer *in, struct arena *a, struct dns_record ***tail)
{
    struct hostent *host = NULL;
    int status = ares_parse_ptr_reply(in->bytes, in->len, NULL, 0, AF_INET, &host);

    return status == ARES_SUCCESS ? parse_names(host, DNS_PTR, a, tail) : status;
}

static int parse_soa(const struct answer *in, struct arena *a, struct dns_record ***tail)
{
    struct ares_soa_reply *found = NULL;
    int status = ares_parse_soa_reply(in->bytes, in->len, &found);

    if (status == ARES_SUCCESS)
        new_record(a, DNS_SOA, tail)->text = host_text(a, found->nsname);
    ares_free_data(found);
    return status;
}

static const struct {
    enum dns_type type;
    const char *name;
    int (*parse)(const struct answer *in, struct arena *a, struct dns_record ***tail);
} parsers[] = {
    { DNS_A, "A", parse_a },       { DNS_AAAA, "AAAA", parse_aaaa }, { DNS_MX, "MX", parse_mx },
    { DNS_NS, "NS", parse_ns },    { DNS_PTR, "PTR", parse_ptr },    { DNS_SOA, "SOA", parse_soa },
    { DNS_SRV, "SRV", parse_srv }, { DNS_TXT, "TXT", parse_txt },
};

const char *dns_type_name(enum dns_type type)
{
    for (size_t i = 0; i < ARRAY_LEN(parsers); i++)
        if (parsers[i].type == type)
            return parsers[i].name;
    return "unknown";
}

/* Labels of 1 to 63 bytes, none of them odd; 253 bytes in all. */
static bool name_is_possible(struct str name)
{
    if (name.len == 0 || name.len > NAME_MAX_BYTES || memchr(name.ptr, '\0', name.len))
        return false;
    while (name.len) {
        struct str label = str_cut(&name, '.');
        if (label.len == 0 || label.len > 63)
            return false;
    }
    return true;
}

enum dns_status dns_query(struct dns *d, struct str name, enum dns_type type, struct arena *a, struct dns_record **out)
{
    struct answer answer = { .arena = a };
    struct dns_record *first = NULL, **tail = &first;

    if (str_ends(name, STR(".")) && name.len > 1)
        name.len--;
    if (!name_is_possible(name))
        return DNS_NOT_FOUND;
    if (!d->ready)
        return DNS_RETRY;
    ares_query(d->channel, arena_cstr(a, name), ns_c_in, (int)type, on_answer, &answer);
    run(d, &answer);
    int status = answer.status;
    for (size_t i = 0; status == ARES_SUCCESS && i < ARRAY_LEN(parsers); i++)
        if (parsers[i].type == type)
            status = parsers[i].parse(&answer, a, &tail);
    if (status != ARES_SUCCESS)
        return status_of(status);
    if (first == NULL)
        return DNS_NO_DATA;
    *out = first;
    return DNS_OK;
}

static void reverse_name(const struct net_addr *addr, struct buf *out)
{
    const unsigned char *raw;

    if (addr->ss.ss_family == AF_INET) {
        raw = (const unsigned char *)&((const struct sockaddr_in *)(const void *)&addr->ss)->sin_addr;
        buf_addf(out, "%d.%d.%d.%d.in-addr.arpa", raw[3], raw[2], raw[1], raw[0]);
        return;
    }
    raw = ((const struct sockaddr_in6 *)(const void *)&addr->ss)->sin6_addr.s6_addr;
    for (int i = 15; i >= 0; i--)
        buf_addf(out, "%x.%x.", raw[i] & 15, raw[i] >> 4);
    buf_add(out, STR("ip6.arpa"));
}

enum dns_status dns_reverse(struct dns *d, const struct net_addr *addr, struct arena *a, struct str *name)
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

static bool addresses_from_hosts(struct dns *d, struct str name, struct str protocols, struct arena *a,
                                 struct dns_record ***tail)
{
    struct net_addr addr;
    bool any = false;

    for (size_t i = 0; hosts_address(d->hosts, name, i, &addr); i++) {
        if (!protocols_include(protocols, addr.ss.ss_family))
            continue;
        new_record(a, addr.ss.ss_family == AF_INET ? DNS_A : DNS_AAAA, tail)->addr = addr;
        any = true;
    }
    return any;
}

enum dns_status dns_addresses(struct dns *d, struct str name, struct str protocols, bool use_hosts, struct arena *a,
                              struct dns_record **out)
{
    static const struct {
        int family;
        enum dns_type type;
    } kinds[] = { { AF_INET, DNS_A }, { AF_INET6, DNS_AAAA } };
    struct dns_record *first = NULL, **tail = &first;
    enum dns_status worst = DNS_NOT_FOUND;

    if (use_hosts && addresses_from_hosts(d, name, protocols, a, &tail)) {
        *out = first;
        return DNS_OK;
    }
    for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
        if (!protocols_include(protocols, kinds[i].family))
            continue;
        enum dns_status status = dns_query(d, name, kinds[i].type, a, tail);
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

const char *dns_status_text(enum dns_status status)
{
    switch (status) {
    case DNS_OK:
        return "Success";
    case DNS_NOT_FOUND:
        return "Host not found";
    case DNS_NO_DATA:
        return "Host found but no data record of requested type";
    case DNS_RETRY:
        return "Host not found, try again";
    case DNS_FAIL:
        return "Non-recoverable error";
    case DNS_MALFORMED:
        return "Malformed or unexpected name server reply";
    }
    return "Unknown name service error";
}
