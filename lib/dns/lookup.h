#pragma once
/* dns/lookup - questions to name servers without waiting for them, for daemons with an epoll loop.
 *
 * As dns/dns it reads resolv.conf and the hosts file once, before the jail. */
#include "dns/dns.h"
#include "os/loop.h"

struct lookups; /* the resolver */
struct lookup;  /* one question */

#define LOOKUP_ADDRESSES_MAX 16

/* Before the jail.  Never NULL; lives as long as the process. */
struct lookups *lookups_open(const char *hosts_path);
/* Before the first question. */
void lookups_use_loop(struct lookups *l, struct loop *loop);

/* `addresses` live until it returns; with DNS_OK there is at least one. */
typedef void lookup_done_fn(void *context, enum dns_status status, const struct net_addr *addresses,
                            size_t count);
/* Ask for the addresses of `host` as `protocols` (inet_protocols) allows, with `port` put into them; a literal is its own
 * answer.  `done` is called once, maybe before this returns, and then the result is NULL. */
struct lookup *lookup_start(struct lookups *l, struct str host, int port, struct str protocols,
                            lookup_done_fn *done, void *context);
/* `done` will not be called; NULL is fine. */
void lookup_cancel(struct lookup *q);

/* ---- one query for addresses (A), of DNS alone ---- */

struct query;
struct query_answer {
    enum dns_status status;           /* with DNS_OK there is a record */
    const struct dns_record *records; /* live until the callback returns */
    int64_t
        ttl; /* seconds that this may be remembered, also that there is none; -1: nobody knows */
};
typedef void query_done_fn(void *context, const struct query_answer *answer);
/* `name` is taken as it is.  As lookup_start(). */
struct query *query_start(struct lookups *l, struct str name, query_done_fn *done, void *context);
void query_cancel(struct query *q);
