#pragma once
/* dns/dns - the resolver: c-ares behind blocking calls, and the hosts file.
 *
 * Opened before the jail: resolv.conf and /etc/hosts are read then, and never again by this process.
 * Every query ends within the resolver's own timeouts.  Results live in the caller's arena. */
#include "base/arena.h"
#include "os/socket.h"

struct dns;

enum dns_status {
    DNS_OK,
    DNS_NOT_FOUND, /* no such name (NXDOMAIN) */
    DNS_NO_DATA,   /* the name exists, without a record of this type */
    DNS_RETRY,     /* server failure, time-out: try again later */
    DNS_FAIL,      /* refused, not implemented: will not get better by itself */
    DNS_MALFORMED, /* an answer that makes no sense, or names nobody could resolve */
};

enum dns_type { DNS_A = 1, DNS_NS = 2, DNS_SOA = 6, DNS_PTR = 12, DNS_MX = 15, DNS_TXT = 16, DNS_AAAA = 28, DNS_SRV = 33 };

struct dns_record {
    struct dns_record *next;
    enum dns_type type;
    int preference;       /* MX, SRV priority */
    int weight, port;     /* SRV */
    uint32_t ttl;         /* seconds; 0 where c-ares does not tell */
    struct net_addr addr; /* A, AAAA */
    struct str text;      /* host name of MX, NS, PTR, SRV (lower case, no final dot; "" is the root); TXT text */
};

/* Reads /etc/resolv.conf and `hosts_path` ("/etc/hosts").  Never NULL. */
struct dns *dns_open(const char *hosts_path);
void dns_close(struct dns *d);

/* Ask for one type.  With DNS_OK at least one record.  `name` is taken as absolute; UTF-8 labels are sent in
 * their ASCII form by the caller.  A syntactically impossible name is DNS_NOT_FOUND without a query. */
enum dns_status dns_query(struct dns *d, struct str name, enum dns_type type, struct arena *a, struct dns_record **out);

/* The name of an address: hosts file, then PTR.  First name only. */
enum dns_status dns_reverse(struct dns *d, const struct net_addr *addr, struct arena *a, struct str *name);
/* The addresses of a host in the order found: hosts file, then A and AAAA as `protocols` (inet_protocols) allows.
 * With `use_hosts` false only DNS. DNS_OK when there is at least one address. */
enum dns_status dns_addresses(struct dns *d, struct str name, struct str protocols, bool use_hosts, struct arena *a,
                              struct dns_record **out);

/* "Host not found", "Host not found, try again", "Host found but no data record of requested type",
 * "Malformed or unexpected name server reply": the words of log lines and reports. */
const char *dns_status_text(enum dns_status status);
const char *dns_type_name(enum dns_type type);
