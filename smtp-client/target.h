#pragma once
/* smtp-client/target - the servers that a destination leads to. */
#include "base/arena.h"
#include "os/interfaces.h"

struct target_server {
    struct str name;      /* for log lines and lookups */
    struct net_addr addr; /* port included; unused for UNIX sockets */
    struct str path;      /* UNIX socket; absent otherwise */
    struct str address;   /* text of the address or path */
    int port;
    int preference; /* lower is better */
    int weight;     /* SRV: share of the load among equals; 0 elsewhere */
    int64_t place;  /* order_servers() keeps its books here */
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
