#pragma once
/* dns/dns - the resolver: c-ares behind blocking calls, and the hosts file.
 *
 * Opened before the jail: resolv.conf and /etc/hosts are read then, and never again by this
 * process.  Truncated answers are asked for again by TCP.  How long a silent name server is waited
 * for is said by the options timeout and attempts of resolv.conf; every query ends within
 * DNS_QUERY_LIMIT_S, whatever name servers do.  Results live in the caller's arena.
 *
 * Names in answers come from strangers: a host name that is not one (odd characters, empty or
 * overlong labels) is dropped, and the first of an answer logged, so that what callers see can be
 * logged, looked up and compared. */
#include "base/arena.h"
#include "os/socket.h"

#define DNS_QUERY_LIMIT_S 60
/* For service_spec.ports: where name servers listen. */
#define DNS_PORTS       ((const uint16_t[]){ 53, 0 })
#define DNS_RECORDS_MAX 100 /* of one answer; the rest is dropped */

struct dns;

enum dns_status {
    DNS_OK,
    DNS_NOT_FOUND,  /* no such name (NXDOMAIN) */
    DNS_NO_DATA,    /* the name exists, without a record of this type */
    DNS_RETRY,      /* server failure, refusal, time-out: try again later */
    DNS_FAIL,       /* not implemented: will not get better by itself */
    DNS_MALFORMED,  /* records whose names are no host names, and no others */
    DNS_FILTERED,   /* the reply filter dropped all of the answer */
    DNS_FILTER_BAD, /* the reply filter said what nobody understands */
};

enum dns_type {
    DNS_A = 1,
    DNS_NS = 2,
    DNS_CNAME = 5,
    DNS_SOA = 6,
    DNS_PTR = 12,
    DNS_MX = 15,
    DNS_TXT = 16,
    DNS_AAAA = 28,
    DNS_SRV = 33,
    DNS_TLSA = 52
};

struct dns_record {
    struct dns_record *next;
    enum dns_type type;
    int preference;       /* MX, SRV priority */
    int weight, port;     /* SRV */
    uint32_t ttl;         /* seconds; 0 where c-ares does not tell */
    struct net_addr addr; /* A, AAAA */
    /* Host name of MX, NS, PTR, SRV, CNAME (lower case, no final dot; "" is the root, for MX and SRV
     * only); an MX may also be a dotted quad (logged).  TXT text, TLSA data: any bytes. */
    struct str text;
    /* Of dns_query_secure() alone. */
    bool secure; /* the resolver vouches for the answer and for every alias on the way to it */
    struct str
        owner; /* whose record it is: the name asked for, or what that is an alias of; lower case */
};

/* Reads /etc/resolv.conf and `hosts_path` ("/etc/hosts").  Never NULL. */
struct dns *dns_open(const char *hosts_path);

/* smtp_dns_resolver_options: complete names without a dot with the local domain (res_defnames), and
 * try the resolver's search list (res_dnsrch).  Default: names are absolute. */
void dns_set_search(struct dns *d, struct str options);
/* Asked about each record in the form "name ttl IN type [preference] value" (smtp_dns_reply_filter).
 * DNS_OK: keep it; DNS_FILTERED: ignore it; anything else is the answer's status. */
typedef enum dns_status dns_filter_fn(void *context, struct str record);
void dns_set_filter(struct dns *d, dns_filter_fn *filter, void *context);
/* dnssec_probe, "type:name" or empty: what to ask for when the first secure query has an answer that nobody vouches
 * for.  When nobody vouches for that either, the log says once that DNSSEC may not work here.  Ends the process when
 * `probe` is neither. */
void dns_set_probe(struct dns *d, struct str probe);

/* As DNS knows a name: in ASCII, without a final dot.  Absent if there is no such form. */
struct str dns_ascii_name(struct str name, struct arena *a);
/* Ask for one type.  With DNS_OK at least one record.  A name in UTF-8 is asked for in its ASCII
 * form; a syntactically impossible one is DNS_NOT_FOUND without a query. */
enum dns_status dns_query(struct dns *d, struct str name, enum dns_type type, struct arena *a,
                          struct dns_record **out);

/* The same, with DNSSEC: the resolver, which the site trusts, validates, and its AD bit says so.  Nothing is validated
 * here. */
enum dns_status dns_query_secure(struct dns *d, struct str name, enum dns_type type,
                                 struct arena *a, struct dns_record **out);

/* The name of an address: hosts file, then PTR.  First name only. */
enum dns_status dns_reverse(struct dns *d, const struct net_addr *addr, struct arena *a,
                            struct str *name);
/* The addresses of a host in the order found: hosts file, then A and AAAA as `protocols`
 * (inet_protocols) allows.  DNS_OK when there is at least one address. */
enum dns_address_source {
    DNS_HOSTS,      /* hosts file and DNS */
    DNS_ALONE,      /* only DNS */
    DNS_ALONE_SAFE, /* only DNS, by secure queries */
};
enum dns_status dns_addresses(struct dns *d, struct str name, struct str protocols,
                              enum dns_address_source source, struct arena *a,
                              struct dns_record **out);

/* "Host not found", "Host not found, try again", "Host found but no data record of requested type",
 * "Malformed or unexpected name server reply": the words of log lines and reports. */
const char *dns_status_text(enum dns_status status);
/* The same for a host without addresses, in the words of getaddrinfo(3), which log lines have. */
const char *dns_address_text(enum dns_status status);
/* "3 1 1 0123...EF", of TLSA data. */
void dns_tlsa_format(struct str data, struct buf *out);
const char *dns_type_name(enum dns_type type);
enum dns_type dns_type_find(struct str name); /* in any case; 0: there is none */
