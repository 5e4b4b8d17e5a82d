/* Services with a wakeup time get the request `W` now and then: pickup looks into maildrop, qmgr scans. */
#include "base/log.h"
#include "master/master.h"
#include "os/fd.h"
#include "os/socket.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#define AFTER_CRASH_MS 500 /* one look for all that crash together */

static int connect_inet(const char *where)
{
    /* inet services with a wakeup time do not occur in practice; one second is plenty on our own host. */
    BUF_AUTO(endpoint, 256);

    buf_join(&endpoint, STR("inet:"), str_from(where));
    return socket_connect_endpoint(buf_str(&endpoint), 1);
}

static int connect_service(const struct service *s)
{
    const char *where = s->listeners[0].where;

    switch (s->line.type) {
    case MASTER_INET:
        return connect_inet(where);
    case MASTER_FIFO:
        return open(where, O_WRONLY | O_NONBLOCK | O_CLOEXEC | O_NOFOLLOW);
    case MASTER_UNIX_DGRAM:
        return socket_unix_dgram_connect(where);
    default:
        return socket_unix_connect_nonblocking(where);
    }
}

static void trigger(const struct service *s)
{
    FD_AUTO(fd, connect_service(s));

    if (fd < 0 && errno == EAGAIN)
        return; /* its queue of clients is full, it does not sleep */
    if (fd < 0 || write(fd, "W", 1) != 1)
        log_warning("wake service %s: %s", s->line.label, strerror(errno));
}

static void wake(void *context)
{
    struct service *s = context;
    bool due = s->used || !s->line.wakeup_if_used;

    s->wakeup_is_near = false;
    if (due && s->rest == NULL && s->listener_count && !s->missing)
        trigger(s);
    s->wakeup = loop_timer_start(s->master->loop, (int64_t)s->line.wakeup_s * 1000, wake, s);
}

void wakeup_start(struct service *s)
{
    loop_timer_cancel(s->master->loop, &s->wakeup);
    if (s->line.wakeup_s > 0)
        s->wakeup = loop_timer_start(s->master->loop, 0, wake, s);
}

static void hasten(struct service *s)
{
    if (s->wakeup == NULL || s->wakeup_is_near)
        return;
    loop_timer_cancel(s->master->loop, &s->wakeup);
    s->wakeup = loop_timer_start(s->master->loop, AFTER_CRASH_MS, wake, s);
    s->wakeup_is_near = true;
}

void wakeup_after_crash(struct master *m)
{
    LIST_FOREACH(&m->services, node)
    hasten(LIST_ITEM(node, struct service, node));
}
