#pragma once
/* ipc/connector - connections to the servers that main.cf names, for a daemon whose jail lets it make none.
 *
 * Before the jail the daemon names every endpoint that its configuration has, and closes the list.  From then on
 * connector(8) connects it to what is on the list, and to nothing else: who takes the daemon over gains no reach.
 * A process without master(8) connects by itself. */
#include "base/buf.h"

struct connector;

/* `root` is the directory that absolute paths of UNIX sockets begin at: service_root().  Never NULL. */
struct connector *connector_new(struct str root);
/* For tests; NULL is fine. */
void connector_free(struct connector *c);

/* The list of this process, which tables share with the program: service/service makes it before tables are opened and closes
 * it before the jail.  Commands get one that connects at once. */
struct connector *connector_shared(void);
void connector_share(struct connector *c);

/* Before the jail: put "unix:path", "inet:host:port" or a plain path on the list.  Returns its entry, which is the same
 * for the same text.  -1: it is none of these, it is too long, the list is full, or it is closed and lacks this one (`why` says it). */
NODISCARD int connector_add(struct connector *c, struct str endpoint, struct buf *why);
/* Before the jail, when all is on the list.  Without a list nothing is opened. */
void connector_close_list(struct connector *c);

/* A connected blocking stream, within `wait_s` seconds.  -1: `why` says it in the words of strerror(3), and errno too. */
NODISCARD int connector_connect(struct connector *c, int entry, int wait_s, struct buf *why);
/* The way to connector(8) is gone and only a new process gets another: service_replace(). */
bool connector_is_lost(const struct connector *c);
