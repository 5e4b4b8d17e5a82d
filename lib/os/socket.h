#pragma once
#include "base/buf.h"

#include <sys/socket.h>

/* A socket address of any family we speak. */
struct net_addr {
    struct sockaddr_storage ss;
    socklen_t len;
};

/* "192.0.2.1" or "2001:db8::1", without brackets or port.  False for other families. */
bool net_addr_format(const struct net_addr *a, struct buf *out);
int net_addr_port(const struct net_addr *a);
void net_addr_set_port(struct net_addr *a, int port);
/* IPv4 or IPv6 literal. */
NODISCARD bool net_addr_parse(struct str text, int port, struct net_addr *out);

/* Sockets are close-on-exec.  -1: errno. */
/* A blocking stream.  The connection, and later each write, waits at most `timeout_s` seconds (ETIMEDOUT for the
 * connection: the queue there stayed full). */
NODISCARD int socket_unix_connect(const char *path, int timeout_s);
NODISCARD int
socket_unix_connect_nonblocking(const char *path);           /* EAGAIN: the queue there is full */
NODISCARD int socket_unix_packets_connect(const char *path); /* SOCK_SEQPACKET; likewise */
NODISCARD int socket_unix_listen(const char *path, int type, mode_t mode, int backlog);
NODISCARD int socket_unix_dgram_connect(const char *path);
/* tcp_windowsize in bytes, 0 for the system's own; before the socket connects or listens. */
void socket_set_window(int fd, int bytes);
NODISCARD int socket_inet_listen(const struct net_addr *a, int window, int backlog);
/* "inet:host:port", "unix:path", "local:path" or a bare path: connect within `timeout_s`. */
NODISCARD int socket_connect_endpoint(struct str endpoint, int timeout_s);
/* The longest wait of one read or write.  False: this is no socket, and the kernel sets no limit. */
bool socket_set_timeout(int fd, int seconds);
/* For reads only, where os/stream writes. */
bool socket_set_read_timeout(int fd, int seconds);
/* Is a UNIX socket bound to a path that begins so? */
bool socket_is_below(int fd, const char *directory);
/* Whose process is at the other end of a UNIX socket? */
NODISCARD bool socket_peer_uid(int fd, uid_t *uid);
