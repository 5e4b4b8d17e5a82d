#pragma once
/* table/server - the servers that tables ask: an endpoint, and a connection to it that is kept.
 *
 * Who opens a table names its endpoint, before the jail (ipc/connector).  Tables of one type that name the same
 * endpoint share the connection. */
#include "os/link.h"

struct table_server;

/* What a type wants of its connections, in seconds; a type has one such object. */
struct table_server_rules {
    int timeout_s;      /* of the connect, of each read, of each write */
    int idle_s, life_s; /* a connection older than this is made anew; 0: never */
    size_t answer_max;  /* longest answer */
};

/* NULL: `error` says why. */
NODISCARD struct table_server *
table_server_open(struct str endpoint, const struct table_server_rules *rules, struct buf *error);
void table_server_close(struct table_server *s); /* NULL is fine; the last close ends it */
/* "host:port" or a path, for log lines. */
struct str table_server_place(const struct table_server *s);
/* Of answers read; of what was sent, nothing is left. */
struct link *table_server_link(struct table_server *s);
/* Be connected.  False: `why` and errno say it. */
NODISCARD bool table_server_connect(struct table_server *s, struct buf *why);
void table_server_disconnect(struct table_server *s);
