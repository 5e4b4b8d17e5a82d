#include "dns/lookup.h"

#include "base/log.h"
#include "base/mem.h"
#include "conf/conf.h"
#include "dns/answer.h"
#include "dns/hosts.h"
#include "dns/private.h"
#include "dns/resolv.h"
#include "os/interfaces.h"

#include <arpa/nameser.h>
#include <netdb.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>

#define NAME_MAX_BYTES 256

struct lookups {
    struct loop *loop;
    struct hosts *hosts;
    ares_channel channel;
    bool ready;
    struct loop_timer *timer; /* when c-ares wants to look at its own */
};

struct lookup {
    lookup_done_fn *done; /* NULL: nobody waits any more */
    void *context;
    int port;
    bool starting; /* the asker does not have it yet */
    bool over;     /* answered before the asker had it */
};

static void set_timer(struct lookups *l);

static void on_timer(void *context)
{
    struct lookups *l = context;

    l->timer = NULL;
    ares_process_fd(l->channel, ARES_SOCKET_BAD, ARES_SOCKET_BAD);
    set_timer(l);
}

static void set_timer(struct lookups *l)
{
    struct timeval room, *next = ares_timeout(l->channel, NULL, &room);

    loop_timer_cancel(l->loop, &l->timer);
    if (next)
        l->timer =
            loop_timer_start(l->loop, next->tv_sec * 1000 + next->tv_usec / 1000 + 1, on_timer, l);
}

static void on_socket(void *context, int fd, uint32_t events)
{
    struct lookups *l = context;

    ares_process_fd(l->channel, events & ~(uint32_t)EPOLLOUT ? fd : ARES_SOCKET_BAD,
                    events & EPOLLOUT ? fd : ARES_SOCKET_BAD);
    set_timer(l);
}

static void watch_socket(void *context, ares_socket_t fd, int readable, int writable)
{
    struct lookups *l = context;
    uint32_t events = (readable ? (uint32_t)EPOLLIN : 0) | (writable ? (uint32_t)EPOLLOUT : 0);

    if (events)
        loop_watch(l->loop, fd, events, on_socket, l);
    else
        loop_unwatch(l->loop, fd);
}

struct lookups *lookups_open(const char *hosts_path)
{
    struct lookups *l = mem_alloc(sizeof *l);
    struct resolv_patience patience = resolv_read(RESOLV_CONF);
    char dns_only[] = "b";
    struct ares_options options = { .flags = ARES_FLAG_NOALIASES,
                                    .timeout = patience.timeout_s * 1000,
                                    .tries = patience.attempts,
                                    .lookups = dns_only,
                                    .sock_state_cb = watch_socket,
                                    .sock_state_cb_data = l };

    l->hosts = hosts_read(hosts_path);
    l->ready = ares_library_init(ARES_LIB_INIT_ALL) == ARES_SUCCESS &&
               ares_init_options(&l->channel, &options,
                                 ARES_OPT_FLAGS | ARES_OPT_TIMEOUTMS | ARES_OPT_TRIES |
                                     ARES_OPT_LOOKUPS | ARES_OPT_SOCK_STATE_CB) == ARES_SUCCESS;
    if (l->ready)
        dns_use_own_sockets(l->channel);
    else
        log_warning(
            "name resolver cannot be set up; only literal addresses and the hosts file work");
    return l;
}

void lookups_use_loop(struct lookups *l, struct loop *loop) { l->loop = loop; }

/* Without waiting: literals and the hosts file. */
static size_t known_addresses(const struct lookups *l, struct str host, int port,
                              struct str protocols, struct net_addr *out)
{
    size_t count = 0;
    struct net_addr one;

    if (net_addr_parse(host, port, &out[0]))
        return 1;
    for (size_t i = 0; count < LOOKUP_ADDRESSES_MAX && hosts_address(l->hosts, host, i, &one);
         i++) {
        if (!protocols_include(protocols, one.ss.ss_family))
            continue;
        net_addr_set_port(&one, port);
        out[count++] = one;
    }
    return count;
}

static size_t copy_addresses(const struct ares_addrinfo *found, int port, struct net_addr *out)
{
    size_t count = 0;

    for (const struct ares_addrinfo_node *n = found->nodes; n && count < LOOKUP_ADDRESSES_MAX;
         n = n->ai_next) {
        struct net_addr *a = &out[count++];
        *a = (struct net_addr){ .len = (socklen_t)n->ai_addrlen };
        memcpy(&a->ss, n->ai_addr, n->ai_addrlen);
        net_addr_set_port(a, port);
    }
    return count;
}

static enum dns_status status_of(int ares_status)
{
    switch (ares_status) {
    case ARES_ENOTFOUND:
    case ARES_EBADNAME:
        return DNS_NOT_FOUND;
    case ARES_SUCCESS:
    case ARES_ENODATA:
        return DNS_NO_DATA;
    default:
        return DNS_RETRY;
    }
}

static void on_answer(void *context, int status, int timeouts, struct ares_addrinfo *found)
{
    struct lookup *q = context;
    struct net_addr addresses[LOOKUP_ADDRESSES_MAX];
    size_t count = found ? copy_addresses(found, q->port, addresses) : 0;

    (void)timeouts;
    if (found)
        ares_freeaddrinfo(found);
    if (q->done)
        q->done(q->context, count ? DNS_OK : status_of(status), addresses, count);
    q->over = true;
    if (!q->starting)
        free(q);
}

static int family_of(struct str protocols)
{
    bool v4 = protocols_include(protocols, AF_INET), v6 = protocols_include(protocols, AF_INET6);

    return v4 && v6 ? AF_UNSPEC : v6 ? AF_INET6 : AF_INET;
}

struct lookup *lookup_start(struct lookups *l, struct str host, int port, struct str protocols,
                            lookup_done_fn *done, void *context)
{
    struct net_addr known[LOOKUP_ADDRESSES_MAX];
    size_t count = known_addresses(l, host, port, protocols, known);
    struct ares_addrinfo_hints hints = { .ai_family = family_of(protocols),
                                         .ai_socktype = SOCK_STREAM };
    char name[NAME_MAX_BYTES];

    if (count > 0 || !l->ready || !str_to_cstring(host, name, sizeof name)) {
        done(context, count ? DNS_OK : l->ready ? DNS_NOT_FOUND : DNS_RETRY, known, count);
        return NULL;
    }
    struct lookup *q = mem_alloc(sizeof *q);
    *q = (struct lookup){ .done = done, .context = context, .port = port, .starting = true };
    ares_getaddrinfo(l->channel, name, NULL, &hints, on_answer, q);
    set_timer(l);
    q->starting = false;
    if (!q->over)
        return q;
    free(q);
    return NULL;
}

void lookup_cancel(struct lookup *q)
{
    if (q)
        q->done = NULL;
}

/* ---- one query ---- */

struct query {
    query_done_fn *done; /* NULL: nobody waits any more */
    void *context;
    struct str name;
    bool starting; /* the asker does not have it yet */
    bool over;     /* answered before the asker had it */
    char text[NAME_MAX_BYTES];
};

static int64_t shortest_ttl(const struct dns_record *r)
{
    int64_t ttl = r->ttl;

    for (r = r->next; r; r = r->next)
        ttl = MIN(ttl, (int64_t)r->ttl);
    return ttl;
}

static void tell(const struct query *q, int status, struct str bytes)
{
    ARENA_AUTO(arena);
    struct query_answer answer = { .status = dns_answer_status(status), .ttl = -1 };
    struct dns_record *records = NULL;

    if (status == ARES_SUCCESS) {
        answer.status = dns_answer_parse(bytes, q->name, DNS_A, &arena, &records);
        answer.records = records;
    }
    if (records)
        answer.ttl = shortest_ttl(records);
    else if (answer.status == DNS_NOT_FOUND || answer.status == DNS_NO_DATA)
        answer.ttl = dns_answer_negative_ttl(bytes, &arena);
    q->done(q->context, &answer);
}

static void on_bytes(void *context, int status, int timeouts, unsigned char *bytes, int len)
{
    struct query *q = context;

    (void)timeouts;
    if (q->done)
        tell(q, status, (struct str){ (const char *)bytes, bytes ? (size_t)len : 0 });
    q->over = true;
    if (!q->starting)
        free(q);
}

struct query *query_start(struct lookups *l, struct str name, query_done_fn *done, void *context)
{
    struct query *q = mem_alloc(sizeof *q);

    *q = (struct query){ .done = done, .context = context, .starting = true };
    if (!l->ready || !str_to_cstring(name, q->text, sizeof q->text)) {
        done(context, &(struct query_answer){ l->ready ? DNS_NOT_FOUND : DNS_RETRY, NULL, -1 });
        free(q);
        return NULL;
    }
    q->name = str_from(q->text);
    ares_query(l->channel, q->text, ns_c_in, DNS_A, on_bytes, q);
    set_timer(l);
    q->starting = false;
    if (!q->over)
        return q;
    free(q);
    return NULL;
}

void query_cancel(struct query *q)
{
    if (q)
        q->done = NULL;
}
