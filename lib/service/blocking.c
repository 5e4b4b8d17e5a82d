/* One client (or trigger, or datagram) at a time.  An idle worker sits in epoll_wait(2); a client costs
 * epoll_wait, accept4 and close. */
#include "base/log.h"
#include "service/private.h"

#include <errno.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#define EVENTS_PER_WAIT 8

static void serve_connection(struct service *svc, int listen_fd)
{
    if (svc->spec->before_client)
        svc->spec->before_client(svc);
    if (service_has_lost_help())
        service_replace(svc);
    if (svc->leaving)
        return;
    int fd = service_accept(svc, listen_fd, 0);

    if (fd < 0)
        return;
    scoreboard_busy(&svc->place);
    svc->uses++;
    svc->serving = true;
    svc->spec->serve(svc, fd);
    svc->serving = false;
    close(fd);
    if (svc->called_off)
        scoreboard_note_gave_way(&svc->place);
    svc->called_off = false;
    scoreboard_idle(&svc->place);
}

static void serve_trigger(struct service *svc, int listen_fd)
{
    scoreboard_busy(&svc->place);
    svc->serving = true;
    service_take_trigger(svc, listen_fd);
    svc->serving = false;
    scoreboard_idle(&svc->place);
}

/* A datagram service is never busy in master's eyes: its socket queues what comes. */
static void serve_datagrams(struct service *svc, int fd)
{
    svc->activity++;
    svc->serving = true;
    svc->spec->serve(svc, fd);
    svc->serving = false;
}

static void serve_one(struct service *svc, int listen_fd)
{
    switch (svc->spec->kind) {
    case SERVICE_TRIGGER:
        serve_trigger(svc, listen_fd);
        break;
    case SERVICE_DATAGRAM:
        serve_datagrams(svc, listen_fd);
        break;
    default:
        serve_connection(svc, listen_fd);
        break;
    }
}

static void add_to_set(int epoll, int fd, uint32_t events)
{
    struct epoll_event ev = { .events = events, .data.fd = fd };

    if (epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &ev) != 0)
        log_fatal("epoll_ctl: descriptor %d: %s", fd, strerror(errno));
}

static int open_set(const struct service *svc)
{
    int epoll = epoll_create1(EPOLL_CLOEXEC);

    if (epoll < 0)
        log_fatal("epoll_create1: %s", strerror(errno));
    if (svc->generation_fd >= 0)
        add_to_set(epoll, svc->generation_fd, EPOLLIN);
    /* Exclusive: one client wakes one worker. */
    for (int i = 0; i < svc->options.sockets; i++)
        add_to_set(epoll, svc->listen_first + i, EPOLLIN | EPOLLEXCLUSIVE);
    if (svc->door_fd >= 0)
        add_to_set(epoll, svc->door_fd, EPOLLIN | EPOLLEXCLUSIVE);
    return epoll;
}

static bool is_done(const struct service *svc)
{
    return svc->over || svc->leaving || (!svc->spec->no_max_use && svc->uses >= svc->max_use);
}

/* Serve what a wait brought.  False when it brought nothing within the idle time. */
static bool serve_round(struct service *svc, int epoll, int wait_ms)
{
    struct epoll_event events[EVENTS_PER_WAIT];
    int n = epoll_wait(epoll, events, EVENTS_PER_WAIT, wait_ms);

    if (n < 0 && errno != EINTR)
        log_fatal("epoll_wait: %s", strerror(errno));
    for (int i = 0; i < n; i++)
        svc->over |= events[i].data.fd == svc->generation_fd;
    for (int i = 0; i < n && !is_done(svc); i++)
        serve_one(svc, events[i].data.fd);
    return n != 0;
}

void service_run_blocking(struct service *svc)
{
    int epoll = open_set(svc);
    bool resident = svc->spec->no_max_use;
    int wait_ms = resident ? -1 : svc->max_idle_s * 1000;

    scoreboard_idle(&svc->place);
    while (!is_done(svc))
        if (!serve_round(svc, epoll, wait_ms) && service_may_leave(svc))
            break;
    service_leave(svc);
}
