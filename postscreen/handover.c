#include "postscreen/handover.h"

#include "base/log.h"
#include "ipc/attr.h"
#include "ipc/courier.h"
#include "os/fd.h"
#include "postscreen/client.h"
#include "postscreen/talk.h"

#include <errno.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#define OPEN_PAUSE_MS   50
#define OPEN_LIMIT_MS   1000
#define ARRIVE_LIMIT_MS 100000
#define ATTRIBUTES_MAX  512

#define BUSY STR("4.3.2 All server ports are busy")
#define NONE STR("4.3.2 No system resources")

/* smtpd is not to be had. */
static void fail(struct client *c, const char *what, struct str text)
{
    log_warning("cannot %s private/" STR_FMT ": %s", what, STR_ARG(smtpd_conf.smtpd_service_name),
                strerror(errno));
    fd_close(&c->carrier);
    if (c->teased)
        talk_without_hope(c, (struct smtp_reply){ 421, NONE });
    else
        client_part(c, (struct smtp_reply){ 421, text });
}

/* The other end closes when it has the client; there is nothing to read. */
static void on_arrival(void *context, int fd, uint32_t events)
{
    (void)fd;
    (void)events;
    client_end(context);
}

static void on_late(void *context)
{
    struct client *c = context;

    c->timer = NULL;
    log_warning("timeout sending connection to service private/" STR_FMT,
                STR_ARG(smtpd_conf.smtpd_service_name));
    client_end(c);
}

static void compose(const struct client *c, struct buf *list)
{
    attr_put_str(list, "client_address", client_address(c));
    attr_put_int(list, "client_port", c->port);
    attr_put_str(list, "server_address", str_from(c->server_address));
    attr_put_int(list, "server_port", c->server_port);
    attr_put_end(list);
}

static void pass(struct client *c)
{
    BUF_AUTO(list, ATTRIBUTES_MAX);

    compose(c, &list);
    if (fd_send_with(c->carrier, buf_str(&list), c->fd, MSG_DONTWAIT) != (ssize_t)list.len) {
        fail(c, "pass connection to service", NONE);
        return;
    }
    fd_close(&c->fd);
    c->phase = CLIENT_LEAVING;
    c->screen->in_transit++;
    loop_watch(c->screen->loop, c->carrier, EPOLLIN, on_arrival, c);
    client_wait(c, ARRIVE_LIMIT_MS, on_late);
}

static void try(void *context)
{
    struct client *c = context;

    c->timer = NULL;
    c->carrier = courier_open(smtpd_conf.smtpd_service_name);
    if (c->carrier >= 0)
        pass(c);
    else if (errno == EAGAIN && clock_now_ms() - c->phase_began_ms < OPEN_LIMIT_MS)
        client_wait(c, OPEN_PAUSE_MS, try);
    else
        fail(c, "connect to service", BUSY);
}

void handover(struct client *c)
{
    client_conclude(c);
    client_stop_waiting(c);
    client_unwatch(c);
    c->phase_began_ms = clock_now_ms();
    try(c);
}
