/* Many clients in one epoll loop. */
#include "os/door.h"
#include "os/fd.h"
#include "service/private.h"
#include "table/tablemgr.h"

#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

static void begin_client(struct service *svc, int fd)
{
    if (svc->place.board) {
        atomic_fetch_add(&svc->place.board->slots[svc->place.slot].served, 1);
        atomic_fetch_add(&scoreboard_service_of(&svc->place)->uses, 1);
    }
    svc->uses++;
    svc->spec->serve(svc, fd);
}

static void take_client(void *context, int listen_fd, uint32_t events)
{
    struct service *svc = context;

    (void)events;
    int fd = service_accept(svc, listen_fd, svc->spec->clients_block ? 0 : SOCK_NONBLOCK);
    if (fd >= 0)
        begin_client(svc, fd);
}

/* All notes that came together are handed over together. */
static void take_siblings(void *context, int door, uint32_t events)
{
    struct service *svc = context;
    struct door_message messages[DOOR_BATCH];
    struct str notes[DOOR_BATCH];
    size_t count = 0, n = door_take(door, messages, svc->spec->notes ? DOOR_BATCH : 1);

    (void)events;
    for (size_t i = 0; i < n; i++) {
        svc->activity++;
        if (messages[i].fd >= 0)
            begin_client(svc, messages[i].fd);
        else
            notes[count++] = (struct str){ messages[i].note, messages[i].len };
    }
    if (count && svc->spec->notes)
        svc->spec->notes(svc, notes, count);
}

static void take_trigger(void *context, int from, uint32_t events)
{
    (void)events;
    service_take_trigger(context, from);
}

static bool brings_packets(int fd)
{
    int type = 0;
    socklen_t len = sizeof type;

    return getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &len) == 0 && type == SOCK_SEQPACKET;
}

static void watch_listeners(struct service *svc)
{
    bool triggers = svc->spec->trigger;

    for (int fd = svc->listen_first; fd < svc->listen_first + svc->options.sockets; fd++)
        loop_watch(svc->loop, fd, EPOLLIN | EPOLLEXCLUSIVE,
                   triggers && !brings_packets(fd) ? take_trigger : take_client, svc);
    if (svc->door_fd >= 0)
        loop_watch(svc->loop, svc->door_fd, EPOLLIN | EPOLLEXCLUSIVE,
                   triggers ? take_trigger : take_siblings, svc);
}

static void stop_accepting(struct service *svc)
{
    for (int i = 0; i < svc->options.sockets; i++) {
        loop_unwatch(svc->loop, svc->listen_first + i);
        close(svc->listen_first + i);
    }
    if (svc->door_fd >= 0)
        loop_unwatch(svc->loop, svc->door_fd);
    fd_close(&svc->door_fd);
    if (svc->spec->drains)
        fd_close(&svc->lock_fd);
    scoreboard_leave(&svc->place);
}

static void note_end(void *context, int fd, uint32_t events)
{
    struct service *svc = context;

    (void)events;
    loop_unwatch(svc->loop, fd);
    svc->over = true;
}

/* The timer looks back: nothing was started or cancelled while clients came. */
struct idle_watch {
    struct service *svc;
    uint64_t seen;
    bool expired;
};

static void look_idle(void *context)
{
    struct idle_watch *w = context;
    bool idle = w->seen == w->svc->activity;

    w->seen = w->svc->activity;
    if (idle && service_may_leave(w->svc))
        w->expired = true;
    else
        (void)loop_timer_start(w->svc->loop, (int64_t)w->svc->max_idle_s * 1000, look_idle, w);
}

static bool is_used_up(const struct service *svc)
{
    return svc->leaving || tablemgr_is_lost() ||
           (!svc->spec->no_max_use && svc->uses >= svc->max_use);
}

static NORETURN void finish_clients(struct service *svc)
{
    if (svc->spec->may_leave && !svc->spec->may_leave(svc)) {
        stop_accepting(svc);
        do
            loop_run_once(svc->loop, -1);
        while (!svc->spec->may_leave(svc));
    }
    service_leave(svc);
}

void service_run_multi(struct service *svc)
{
    struct idle_watch idle = { .svc = svc };

    watch_listeners(svc);
    if (svc->generation_fd >= 0)
        loop_watch(svc->loop, svc->generation_fd, EPOLLIN, note_end, svc);
    if (!svc->spec->no_max_use)
        (void)loop_timer_start(svc->loop, (int64_t)svc->max_idle_s * 1000, look_idle, &idle);
    scoreboard_idle(&svc->place);
    while (!svc->over && !idle.expired && !is_used_up(svc))
        loop_run_once(svc->loop, -1);
    finish_clients(svc);
}
