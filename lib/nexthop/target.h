#pragma once
/* nexthop/target - the servers that a destination leads to. */
#include "base/arena.h"
#include "os/interfaces.h"

/* What DNSSEC vouches for on the way to a server; nothing unless smtp_dns_support_level is dnssec. */
struct target_proof {
    bool listed;           /* an MX or SRV record led to the server */
    bool list_secure;      /* and can be trusted */
    struct str list_owner; /* the domain that has that record, at the end of all aliases */
    bool address_secure;
    struct str
        owner; /* the name that has the address, at the end of all aliases; absent: not known */
};

struct target_server {
    struct str name;      /* for log lines and lookups */
    struct net_addr addr; /* port included; unused for UNIX sockets */
    struct str path;      /* UNIX socket; absent otherwise */
    struct str address;   /* text of the address or path */
    int port;
    int preference; /* lower is better */
    int weight;     /* SRV: share of the load among equals; 0 elsewhere */
    struct target_proof proof;
    int64_t place; /* order_servers() keeps its books here */
};

struct target_list {
    struct target_server *servers;
    size_t count;
    size_t room;
    bool self; /* we were among the exchangers */
};

/* More than anybody has: a list that somebody else's name servers make has an end. */
#define TARGET_SERVERS_MAX 1000

/* Append; the servers live in `a`.  What does not fit is left out. */
void target_add(struct target_list *l, struct arena *a, const struct target_server *server);
/* NAME[ADDRESS], as log lines have it; with the port NAME[ADDRESS]:PORT, which a path has none of. */
struct str target_shown(const struct target_server *server, bool with_port, struct arena *a);
