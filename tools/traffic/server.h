#pragma once
/* tools/traffic/server - what the sinks share: they listen, give up their privileges, accept as many clients as they may,
 * and show what they have counted. */
#include "tools/traffic/endpoint.h"
#include "tools/traffic/talk.h"

struct server {
    struct talks talks;
    int family, window, backlog;
    int clients_max;  /* at once */
    const char *user; /* -u: whom to become */
    const char *root; /* -R: chroot(2) there */
    bool counts;      /* show counters */
    bool must_drop;   /* root has to name a user */
    /* A client came; `fd` is not blocking.  It belongs to the callee. */
    void (*accept)(struct server *s, int fd, const struct net_addr *from);
    /* The counters as text, when they have changed. */
    void (*show)(struct server *s, struct buf *out);
    bool changed; /* a counter */
    bool is_full; /* nobody is accepted now */
    bool ended;   /* enough was seen */
    int fds[ENDPOINT_ADDRESSES];
    size_t fd_count;
};

/* `where` as for endpoint_resolve_passive(), `backlog` is text of the command line. */
void server_open(struct server *s, const char *where, const char *backlog);
/* Until `ended`. */
void server_run(struct server *s);
/* A client has gone. */
void server_left(struct server *s);
