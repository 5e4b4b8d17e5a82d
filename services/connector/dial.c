#include "services/connector/dial.h"

#include "base/number.h"
#include "conf/params.h"
#include "os/fd.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/un.h>
#include <unistd.h>

#define FULL_QUEUE_PAUSE_MS 20
#define PORT_NAME_MAX       64

static void try_next(struct dial *d);

/* Nothing of the dial is left when its owner hears of the end. */
static void finish(struct dial *d, int fd, int error, const char *text)
{
    dial_done_fn *done = d->done;

    if (fd >= 0)
        d->fd = -1;
    dial_cancel(d);
    done(d->context, fd, error, text);
}

void dial_cancel(struct dial *d)
{
    if (d->fd >= 0)
        loop_unwatch(d->loop, d->fd);
    fd_close(&d->fd);
    if (d->loop) {
        loop_timer_cancel(d->loop, &d->limit);
        loop_timer_cancel(d->loop, &d->patience);
    }
    lookup_cancel(d->lookup);
    d->lookup = NULL;
    d->done = NULL;
}

static void fail(struct dial *d, int error) { finish(d, -1, error, strerror(error)); }

/* The peer's process must get a descriptor that blocks, and no process in a jail can change that afterwards.  So the socket
 * blocks, and a time limit that is over at once lets connect(2) go on by itself. */
static void set_send_limit(int fd, int microseconds)
{
    struct timeval t = { .tv_usec = microseconds };

    (void)setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &t, sizeof t);
}

static void succeed(struct dial *d)
{
    set_send_limit(d->fd, 0);
    loop_unwatch(d->loop, d->fd);
    finish(d, d->fd, 0, "");
}

/* False: errno, and there is no socket. */
static bool begin_connect(struct dial *d, const struct sockaddr *to, socklen_t len)
{
    d->fd = socket(to->sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (d->fd < 0)
        return false;
    set_send_limit(d->fd, 1);
    if (connect(d->fd, to, len) == 0 || errno == EINPROGRESS)
        return true;
    int saved = errno;
    fd_close(&d->fd);
    errno = saved;
    return false;
}

static void on_connected(void *context, int fd, uint32_t events)
{
    struct dial *d = context;
    socklen_t len = sizeof d->error;

    (void)events;
    if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &d->error, &len) != 0)
        d->error = errno;
    if (d->error == 0) {
        succeed(d);
        return;
    }
    loop_unwatch(d->loop, fd);
    fd_close(&d->fd);
    try_next(d);
}

static void try_next(struct dial *d)
{
    while (d->next < d->address_count) {
        const struct net_addr *to = &d->addresses[d->next++];
        if (begin_connect(d, (const struct sockaddr *)&to->ss, to->len)) {
            loop_watch(d->loop, d->fd, EPOLLOUT, on_connected, d);
            return;
        }
        d->error = errno;
    }
    fail(d, d->error);
}

static void try_path(void *context)
{
    struct dial *d = context;
    struct sockaddr_un to = { .sun_family = AF_UNIX };

    d->patience = NULL;
    memcpy(to.sun_path, d->path, sizeof to.sun_path);
    if (begin_connect(d, (const struct sockaddr *)&to, sizeof to))
        succeed(d);
    else if (errno == EAGAIN) /* its queue is full */
        d->patience = loop_timer_start(d->loop, FULL_QUEUE_PAUSE_MS, try_path, d);
    else
        fail(d, errno);
}

static void on_addresses(void *context, enum dns_status status, const struct net_addr *addresses,
                         size_t count)
{
    struct dial *d = context;

    d->lookup = NULL;
    if (count == 0) {
        finish(d, -1, EHOSTUNREACH, dns_address_text(status));
        return;
    }
    memcpy(d->addresses, addresses, count * sizeof *addresses);
    d->address_count = count;
    d->next = 0;
    try_next(d);
}

static bool find_port(struct str text, int *port)
{
    char name[PORT_NAME_MAX];
    int64_t number;

    if (number_parse_range(text, 1, 65535, &number)) {
        *port = (int)number;
        return true;
    }
    const struct servent *known =
        str_to_cstring(text, name, sizeof name) ? getservbyname(name, "tcp") : NULL;
    if (known == NULL)
        return false;
    *port = ntohs((uint16_t)known->s_port);
    return true;
}

static void start_inet(struct dial *d, struct lookups *lookups, struct str host_port)
{
    size_t colon = str_rfind(host_port, ':');
    struct str host = colon == STR_NOT_FOUND ? STR_NONE : str_sub(host_port, 0, colon);
    int port;

    if (str_starts(host, STR("[")) && str_ends(host, STR("]")))
        host = str_sub(host, 1, host.len - 1);
    if (host.len == 0 || !find_port(str_skip(host_port, colon + 1), &port)) {
        fail(d, EINVAL);
        return;
    }
    struct lookup *q = lookup_start(lookups, host, port, site_conf.inet_protocols, on_addresses, d);
    if (q)
        d->lookup = q;
}

static void on_limit(void *context)
{
    struct dial *d = context;

    d->limit = NULL;
    fail(d, ETIMEDOUT);
}

void dial_start(struct dial *d, struct loop *loop, struct lookups *lookups, struct str endpoint,
                int wait_s, dial_done_fn *done, void *context)
{
    *d = (struct dial){ .loop = loop, .done = done, .context = context, .fd = -1 };
    d->limit = loop_timer_start(loop, (int64_t)wait_s * 1000, on_limit, d);
    if (str_skip_prefix(&endpoint, STR("inet:")))
        start_inet(d, lookups, endpoint);
    else if (!str_skip_prefix(&endpoint, STR("unix:")))
        fail(d, EINVAL);
    else if (!str_to_cstring(endpoint, d->path, sizeof d->path))
        fail(d, ENAMETOOLONG);
    else
        try_path(d);
}
