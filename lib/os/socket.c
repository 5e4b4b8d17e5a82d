#include "os/socket.h"

#include "base/number.h"
#include "os/fd.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

bool net_addr_format(const struct net_addr *a, struct buf *out)
{
    char text[INET6_ADDRSTRLEN];
    const void *raw;

    if (a->ss.ss_family == AF_INET)
        raw = &((const struct sockaddr_in *)(const void *)&a->ss)->sin_addr;
    else if (a->ss.ss_family == AF_INET6)
        raw = &((const struct sockaddr_in6 *)(const void *)&a->ss)->sin6_addr;
    else
        return false;
    if (inet_ntop(a->ss.ss_family, raw, text, sizeof text) == NULL)
        return false;
    buf_add_cstr(out, text);
    return true;
}

int net_addr_port(const struct net_addr *a)
{
    if (a->ss.ss_family == AF_INET)
        return ntohs(((const struct sockaddr_in *)(const void *)&a->ss)->sin_port);
    if (a->ss.ss_family == AF_INET6)
        return ntohs(((const struct sockaddr_in6 *)(const void *)&a->ss)->sin6_port);
    return 0;
}

void net_addr_set_port(struct net_addr *a, int port)
{
    if (a->ss.ss_family == AF_INET)
        ((struct sockaddr_in *)(void *)&a->ss)->sin_port = htons((uint16_t)port);
    else if (a->ss.ss_family == AF_INET6)
        ((struct sockaddr_in6 *)(void *)&a->ss)->sin6_port = htons((uint16_t)port);
}

bool net_addr_parse(struct str text, int port, struct net_addr *out)
{
    char copy[INET6_ADDRSTRLEN];
    struct net_addr a = { 0 };
    struct sockaddr_in *v4 = (struct sockaddr_in *)(void *)&a.ss;
    struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)(void *)&a.ss;

    if (text.len == 0 || !str_to_cstring(text, copy, sizeof copy))
        return false;
    if (inet_pton(AF_INET, copy, &v4->sin_addr) == 1) {
        a.ss.ss_family = AF_INET;
        a.len = sizeof *v4;
    } else if (inet_pton(AF_INET6, copy, &v6->sin6_addr) == 1) {
        a.ss.ss_family = AF_INET6;
        a.len = sizeof *v6;
    } else {
        return false;
    }
    net_addr_set_port(&a, port);
    *out = a;
    return true;
}

static bool unix_address(const char *path, struct sockaddr_un *out)
{
    *out = (struct sockaddr_un){ .sun_family = AF_UNIX };
    if (!str_to_cstring(str_from(path), out->sun_path, sizeof out->sun_path)) {
        errno = ENAMETOOLONG;
        return false;
    }
    return true;
}

static int close_with_errno(int fd)
{
    int saved = errno;

    close(fd);
    errno = saved;
    return -1;
}

/* The send timeout of a UNIX socket also bounds connect(2), which waits while the listener's queue is full. */
static bool set_write_timeout(int fd, int seconds)
{
    struct timeval t = { .tv_sec = seconds };

    return setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &t, sizeof t) == 0;
}

static int unix_connect(const char *path, int type, int timeout_s)
{
    struct sockaddr_un a;

    if (!unix_address(path, &a))
        return -1;
    int fd = socket(AF_UNIX, type | SOCK_CLOEXEC, 0);
    if (fd >= 0 && timeout_s > 0)
        (void)set_write_timeout(fd, timeout_s);
    if (fd >= 0 && connect(fd, (struct sockaddr *)&a, sizeof a) != 0)
        return close_with_errno(fd);
    return fd;
}

int socket_unix_connect(const char *path, int timeout_s)
{
    int fd = unix_connect(path, SOCK_STREAM, timeout_s);

    if (fd < 0 && errno == EAGAIN)
        errno = ETIMEDOUT;
    return fd;
}

int socket_unix_connect_nonblocking(const char *path)
{
    return unix_connect(path, SOCK_STREAM | SOCK_NONBLOCK, 0);
}
int socket_unix_packets_connect(const char *path)
{
    return unix_connect(path, SOCK_SEQPACKET | SOCK_NONBLOCK, 0);
}
int socket_unix_dgram_connect(const char *path)
{
    return unix_connect(path, SOCK_DGRAM | SOCK_NONBLOCK, 0);
}

int socket_unix_listen(const char *path, int type, mode_t mode, int backlog)
{
    struct sockaddr_un a;

    if (!unix_address(path, &a) || (unlink(path) != 0 && errno != ENOENT))
        return -1;
    int fd = socket(AF_UNIX, type | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -1;
    if (bind(fd, (struct sockaddr *)&a, sizeof a) != 0 || chmod(path, mode) != 0 ||
        (type != SOCK_DGRAM && listen(fd, backlog) != 0))
        return close_with_errno(fd);
    return fd;
}

void socket_set_window(int fd, int bytes)
{
    if (bytes == 0)
        return;
    (void)setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &bytes, sizeof bytes);
    (void)setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &bytes, sizeof bytes);
}

int socket_inet_listen(const struct net_addr *a, int window, int backlog)
{
    int on = 1;
    int fd = socket(a->ss.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);

    if (fd < 0)
        return -1;
    socket_set_window(fd, window);
    if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) != 0 ||
        (a->ss.ss_family == AF_INET6 &&
         setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof on) != 0) ||
        bind(fd, (const struct sockaddr *)&a->ss, a->len) != 0 || listen(fd, backlog) != 0)
        return close_with_errno(fd);
    return fd;
}

bool socket_set_read_timeout(int fd, int seconds)
{
    struct timeval t = { .tv_sec = seconds };

    return setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &t, sizeof t) == 0;
}

bool socket_set_timeout(int fd, int seconds)
{
    return socket_set_read_timeout(fd, seconds) && set_write_timeout(fd, seconds);
}

static int connect_within(const struct addrinfo *ai, int timeout_s)
{
    int error = 0;
    socklen_t len = sizeof error;
    int fd = socket(ai->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

    if (fd < 0)
        return -1;
    if (connect(fd, ai->ai_addr, ai->ai_addrlen) != 0) {
        if (errno != EINPROGRESS)
            return close_with_errno(fd);
        if (fd_wait(fd, POLLOUT, deadline_in(timeout_s)) != IO_OK)
            error = ETIMEDOUT;
        else if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &len) != 0)
            error = errno;
        if (error) {
            errno = error;
            return close_with_errno(fd);
        }
    }
    fd_set_nonblocking(fd, false);
    return fd;
}

static int connect_inet(struct str host_port, int timeout_s)
{
    char host_text[256], port_text[64];
    struct addrinfo hints = { .ai_socktype = SOCK_STREAM }, *found = NULL;
    size_t colon = str_rfind(host_port, ':');
    int fd = -1;

    if (colon == STR_NOT_FOUND) {
        errno = EINVAL;
        return -1;
    }
    struct str host = str_sub(host_port, 0, colon);
    if (str_starts(host, STR("[")) && str_ends(host, STR("]")))
        host = str_sub(host, 1, host.len - 1);
    if (!str_to_cstring(host, host_text, sizeof host_text) ||
        !str_to_cstring(str_skip(host_port, colon + 1), port_text, sizeof port_text)) {
        errno = ENAMETOOLONG;
        return -1;
    }
    if (getaddrinfo(host_text, port_text, &hints, &found) != 0) {
        errno = EHOSTUNREACH;
        return -1;
    }
    for (struct addrinfo *ai = found; ai && fd < 0; ai = ai->ai_next)
        fd = connect_within(ai, timeout_s);
    freeaddrinfo(found);
    return fd;
}

int socket_connect_endpoint(struct str endpoint, int timeout_s)
{
    char path[256];

    if (str_skip_prefix(&endpoint, STR("inet:")))
        return connect_inet(endpoint, timeout_s);
    if (!str_skip_prefix(&endpoint, STR("unix:")))
        (void)str_skip_prefix(&endpoint, STR("local:"));
    if (!str_to_cstring(endpoint, path, sizeof path)) {
        errno = ENAMETOOLONG;
        return -1;
    }
    int fd = socket_unix_connect(path, timeout_s);
    if (fd >= 0)
        (void)socket_set_timeout(fd, timeout_s);
    return fd;
}

bool socket_peer_uid(int fd, uid_t *uid)
{
    struct ucred peer;
    socklen_t len = sizeof peer;

    if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &len) != 0 || peer.pid == 0)
        return false;
    *uid = peer.uid;
    return true;
}

bool socket_is_below(int fd, const char *directory)
{
    struct sockaddr_un a = { .sun_family = AF_UNSPEC };
    socklen_t len = sizeof a - 1;

    return getsockname(fd, (struct sockaddr *)&a, &len) == 0 && a.sun_family == AF_UNIX &&
           strncmp(a.sun_path, directory, strlen(directory)) == 0;
}
