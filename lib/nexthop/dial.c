#include "nexthop/dial.h"

#include "base/log.h"
#include "conf/params.h"
#include "os/fd.h"
#include "os/socket.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <string.h>
#include <sys/un.h>
#include <unistd.h>

#define NO_SOURCE (-2) /* our own address cannot be used */
#define WAIT_S    30 /* most that the kernel blocks in one call: a step's last seconds need polls */

/* ---- own address ---- */

static struct {
    struct str ipv4, ipv6;
} automatic;

static bool is_loopback(const struct net_addr *a)
{
    if (a->ss.ss_family == AF_INET)
        return ntohl(((const struct sockaddr_in *)(const void *)&a->ss)->sin_addr.s_addr) >> 24 ==
               127;
    return IN6_IS_ADDR_LOOPBACK(&((const struct sockaddr_in6 *)(const void *)&a->ss)->sin6_addr);
}

/* The one address of a family, unless it is a loopback one; absent when there are more. */
static struct str only_address(const struct interface_list *own, int family, struct arena *a)
{
    const struct net_addr *only = NULL;
    BUF_AUTO(text, 64);

    for (size_t i = 0; i < own->count; i++) {
        if (own->addrs[i].ss.ss_family != family)
            continue;
        if (only)
            return STR_NONE;
        only = &own->addrs[i];
    }
    if (only == NULL || is_loopback(only) || !net_addr_format(only, &text))
        return STR_NONE;
    return arena_str(a, buf_str(&text));
}

void dial_use_own_address(struct str inet_interfaces, const struct interface_list *own,
                          struct arena *a)
{
    if (str_equal_nocase(str_trim(inet_interfaces), STR("all")))
        return;
    automatic.ipv4 = only_address(own, AF_INET, a);
    automatic.ipv6 = only_address(own, AF_INET6, a);
}

static struct str wanted_source(int family)
{
    struct str set =
        family == AF_INET6 ? smtp_conf.smtp_bind_address6 : smtp_conf.smtp_bind_address;

    if (set.len)
        return set;
    return family == AF_INET6 ? automatic.ipv6 : automatic.ipv4;
}

/* The text is an address, maybe in brackets. */
static bool source_address(struct str text, int family, struct net_addr *out)
{
    if (str_starts(text, STR("[")) && str_ends(text, STR("]")))
        text = str_sub(text, 1, text.len - 1);
    return text.len && net_addr_parse(text, 0, out) && out->ss.ss_family == family;
}

/* False: the wanted address cannot be used, and the site insists on it. */
static bool bind_source(int fd, int family)
{
    struct str text = wanted_source(family);
    struct net_addr source;

    if (!source_address(text, family, &source) ||
        bind(fd, (struct sockaddr *)&source.ss, source.len) == 0)
        return true;
    log_warning("smtp_connect_addr: bind " STR_FMT ": %s", STR_ARG(text), strerror(errno));
    return !smtp_conf.smtp_bind_address_enforce;
}

/* ---- connecting: the kernel's limit for sending covers it ---- */

static void set_limit(int fd, int option, int seconds)
{
    struct timeval t = { .tv_sec = seconds };

    (void)setsockopt(fd, SOL_SOCKET, option, &t, sizeof t);
}

/* A signal came in between; the kernel goes on connecting. */
static bool finish_connect(int fd)
{
    int limit = smtp_conf.smtp_connect_timeout, error = 0;
    socklen_t len = sizeof error;

    if (fd_wait(fd, POLLOUT, limit ? deadline_in(limit) : DEADLINE_NEVER) != IO_OK) {
        errno = ETIMEDOUT;
        return false;
    }
    if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &len) != 0)
        return false;
    errno = error;
    return error == 0;
}

static bool connect_within_limit(int fd, const void *addr, socklen_t len)
{
    if (connect(fd, addr, len) == 0 || (errno == EINTR && finish_connect(fd)))
        return true;
    if (errno == EINPROGRESS || errno == EAGAIN)
        errno = ETIMEDOUT;
    return false;
}

static int close_with_errno(int fd)
{
    int error = errno;

    close(fd);
    errno = error;
    return -1;
}

/* The descriptor, NO_SOURCE, or -1 with errno. */
static int connect_inet(const struct target_server *server)
{
    int family = server->addr.ss.ss_family, on = 1;
    int fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0);

    if (fd < 0)
        return -1;
    if (smtp_conf.smtp_connect_timeout)
        set_limit(fd, SO_SNDTIMEO, smtp_conf.smtp_connect_timeout);
    socket_set_window(fd, site_conf.tcp_windowsize);
    if (!bind_source(fd, family)) {
        close(fd);
        return NO_SOURCE;
    }
    if (!connect_within_limit(fd, &server->addr.ss, server->addr.len))
        return close_with_errno(fd);
    /* We write in large pieces; waiting for the peer's ACK before the last one gains nothing. */
    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    return fd;
}

static int connect_unix(struct str path)
{
    struct sockaddr_un a = { .sun_family = AF_UNIX };

    if (path.len == 0 || path.len >= sizeof a.sun_path) {
        errno = ENAMETOOLONG;
        return -1;
    }
    memcpy(a.sun_path, path.ptr, path.len);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -1;
    if (smtp_conf.smtp_connect_timeout)
        set_limit(fd, SO_SNDTIMEO, smtp_conf.smtp_connect_timeout);
    return connect_within_limit(fd, &a, sizeof a) ? fd : close_with_errno(fd);
}

/* ---- the stream ---- */

static void open_stream(struct stream *s, int fd)
{
    int limit = smtp_conf.smtp_connect_timeout;

    if (limit == 0 || limit > WAIT_S)
        set_limit(fd, SO_SNDTIMEO, WAIT_S);
    set_limit(fd, SO_RCVTIMEO, WAIT_S);
    stream_init(s, fd, (int64_t)WAIT_S * 1000);
}

bool dial(const struct target_server *server, struct stream *s, struct arena *a,
          struct fault *fault)
{
    int fd = server->path.ptr ? connect_unix(server->path) : connect_inet(server);

    if (fd >= 0) {
        open_stream(s, fd);
        return true;
    }
    if (fd == NO_SOURCE)
        fault_set(fault, a, "4.4.0", false, "server configuration error");
    else
        fault_set(fault, a, "4.4.1", false, "connect to " STR_FMT ": %s",
                  STR_ARG(target_shown(server, true, a)), strerror(errno));
    return false;
}
