/* The sockets of c-ares are made as it wants them: it would switch them to non-blocking afterwards, which no daemon in
 * its jail may do to a descriptor. */
#include "dns/private.h"

#include <errno.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

static ares_socket_t open_socket(int family, int type, int protocol, void *context)
{
    (void)context;
    return socket(family, type | SOCK_NONBLOCK | SOCK_CLOEXEC, protocol);
}

static int close_socket(ares_socket_t fd, void *context)
{
    (void)context;
    return close(fd);
}

static int connect_socket(ares_socket_t fd, const struct sockaddr *to, ares_socklen_t len,
                          void *context)
{
    (void)context;
    return connect(fd, to, len);
}

static ares_ssize_t receive(ares_socket_t fd, void *room, size_t size, int flags,
                            struct sockaddr *from, ares_socklen_t *len, void *context)
{
    (void)context;
    return recvfrom(fd, room, size, flags, from, len);
}

static ares_ssize_t send_parts(ares_socket_t fd, const struct iovec *parts, int count,
                               void *context)
{
    (void)context;
    return writev(fd, parts, count);
}

void dns_use_own_sockets(ares_channel channel)
{
    static const struct ares_socket_functions functions = {
        .asocket = open_socket,
        .aclose = close_socket,
        .aconnect = connect_socket,
        .arecvfrom = receive,
        .asendv = send_parts,
    };

    ares_set_socket_functions(channel, &functions, NULL);
}
