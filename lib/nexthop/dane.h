#pragma once
/* nexthop/dane - what DNS has to say of a server's certificate (RFC 7672).
 *
 * Nothing is believed that the resolver does not vouch for.  Answers are kept for a short time, so that the messages of one
 * burst ask once. */
#include "dns/dns.h"
#include "nexthop/tls_policy.h"

#define DANE_KEPT 20 /* names whose records are kept */

/* As dns_query_secure(); the tests have one of their own. */
typedef enum dns_status dane_query_fn(void *context, struct str name, enum dns_type type,
                                      struct arena *a, struct dns_record **out);

struct dane_answer {
    enum dns_status status;
    bool secure;
    struct str name, owner;     /* asked for; that has the records */
    struct dns_record *records; /* TLSA */
    int64_t until_ms;           /* 0: the place is free */
    struct arena arena;
};

struct dane {
    dane_query_fn *query;
    void *context;
    bool log; /* each record that is used */
    struct dane_answer kept[DANE_KEPT];
    size_t next; /* place to be used next */
};

/* A dane_fn; the context is a struct dane. */
dane_fn dane_settle;
