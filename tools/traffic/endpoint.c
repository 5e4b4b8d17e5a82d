#include "tools/traffic/endpoint.h"

#include "base/log.h"
#include "os/fd.h"

#include <errno.h>
#include <netdb.h>
#include <stdlib.h>
#include <sys/un.h>
#include <unistd.h>

struct place {
    struct str host, port; /* absent: not said */
};

/* "host:port", "[host]:port", "host", ":port". */
static struct place split(struct str text)
{
    struct place p = { text, STR_NONE };
    size_t colon = str_rfind(text, ':');
    bool in_brackets = colon != STR_NOT_FOUND && str_has(str_skip(text, colon), ']');
    bool is_bare_ipv6 =
        colon != STR_NOT_FOUND && str_find(text, ':') != colon && !str_starts(text, STR("["));

    if (colon != STR_NOT_FOUND && !in_brackets && !is_bare_ipv6)
        p = (struct place){ str_sub(text, 0, colon), str_skip(text, colon + 1) };
    if (str_starts(p.host, STR("[")) && str_ends(p.host, STR("]")))
        p.host = str_sub(p.host, 1, p.host.len - 1);
    return p;
}

static void add_unix(struct str path, struct endpoint *out)
{
    struct sockaddr_un *un = (struct sockaddr_un *)(void *)&out->addrs[0].ss;

    un->sun_family = AF_UNIX;
    if (!str_to_cstring(path, un->sun_path, sizeof un->sun_path))
        log_fatal("unix-domain name too long: " STR_FMT, STR_ARG(path));
    out->addrs[0].len = sizeof *un;
    out->count = 1;
}

static void add_inet(const struct place *p, int family, int flags, struct endpoint *out)
{
    char host[256], port[64];
    struct addrinfo hints = { .ai_family = family, .ai_socktype = SOCK_STREAM, .ai_flags = flags };
    struct addrinfo *found = NULL;

    if (!str_to_cstring(p->host, host, sizeof host) || !str_to_cstring(p->port, port, sizeof port))
        log_fatal("host or service name too long: " STR_FMT, STR_ARG(p->host));
    int error = getaddrinfo(*host ? host : NULL, port, &hints, &found);
    if (error)
        log_fatal("host or service " STR_FMT ":%s: %s", STR_ARG(p->host), port,
                  gai_strerror(error));
    for (const struct addrinfo *ai = found; ai && out->count < ENDPOINT_ADDRESSES;
         ai = ai->ai_next) {
        struct net_addr *a = &out->addrs[out->count++];
        memcpy(&a->ss, ai->ai_addr, ai->ai_addrlen);
        a->len = ai->ai_addrlen;
    }
    freeaddrinfo(found);
}

static void resolve(const char *text, int family, const char *port, int flags, struct endpoint *out)
{
    struct str rest = str_from(text);

    out->count = 0;
    if (str_skip_prefix(&rest, STR("unix:"))) {
        add_unix(rest, out);
        return;
    }
    (void)str_skip_prefix(&rest, STR("inet:"));
    struct place p = split(rest);
    if (p.port.len == 0 && port)
        p.port = str_from(port);
    if (p.port.len == 0) { /* a server's own port is worth more than its name */
        p.port = p.host;
        p.host = STR_NONE;
    }
    add_inet(&p, family, flags, out);
}

void endpoint_resolve(const char *text, int family, const char *port, struct endpoint *out)
{
    resolve(text, family, port, 0, out);
}

void endpoint_resolve_passive(const char *text, int family, struct endpoint *out)
{
    resolve(text, family, NULL, AI_PASSIVE, out);
}

static int listen_unix(const struct net_addr *a, int backlog)
{
    const struct sockaddr_un *un = (const struct sockaddr_un *)(const void *)&a->ss;

    return socket_unix_listen(un->sun_path, SOCK_STREAM, 0666, backlog);
}

size_t endpoint_listen(const struct endpoint *e, int backlog, int fds[ENDPOINT_ADDRESSES])
{
    for (size_t i = 0; i < e->count; i++) {
        const struct net_addr *a = &e->addrs[i];
        fds[i] = a->ss.ss_family == AF_UNIX ? listen_unix(a, backlog)
                                            : socket_inet_listen(a, e->window, backlog);
        if (fds[i] < 0)
            log_fatal("bind: %s", strerror(errno));
        fd_set_nonblocking(fds[i], true);
    }
    return e->count;
}

int endpoint_connect(const struct endpoint *e, size_t number)
{
    const struct net_addr *a = &e->addrs[number];
    int fd = socket(a->ss.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

    if (fd < 0)
        return -1;
    socket_set_window(fd, e->window);
    if (connect(fd, (const struct sockaddr *)(const void *)&a->ss, a->len) == 0 ||
        errno == EINPROGRESS)
        return fd;
    int saved = errno;
    close(fd);
    errno = saved;
    return -1;
}
