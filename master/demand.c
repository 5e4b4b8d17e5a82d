/* Does a service need a process, and who listens for its clients?
 *
 * While a worker is idle or starting, workers listen and master does not.  When the last idle one is taken
 * the worker raises `pressure` and wakes us; then we listen too, and start a worker for the next client.
 * A service that runs out again and again within a short time gets one spare worker at once, so that on a
 * busy system we are not asked at all. */
#include "base/log.h"
#include "master/master.h"

#include <errno.h>
#include <poll.h>
#include <sys/epoll.h>
#include <time.h>
#include <unistd.h>

#define SPARE_WINDOW_MS 5000 /* running out twice within this time earns a spare worker */
#define PATIENCE_MS     5000 /* a worker that is not up after this time no longer counts as available */
#define FORK_PAUSE_MS   1000
#define OVERLOAD_S      1000 /* between two warnings, and how long stress lasts */

static struct scoreboard_service *row_of(const struct service *s)
{
    return &s->master->board->services[s->index];
}

static bool has_starting(const struct service *s)
{
    int64_t since = clock_now_ms() - PATIENCE_MS;

    LIST_FOREACH(&s->children, node)
    {
        const struct child *c = LIST_ITEM(node, struct child, node);
        if (c->generation == s->master->generation && c->started_ms > since &&
            board_is_starting(s->master, c->slot))
            return true;
    }
    return false;
}

static bool is_available(const struct service *s)
{
    return scoreboard_has_idle(s->master->board, s->index) || has_starting(s);
}

static bool limit_is_reached(const struct service *s)
{
    return s->line.limit > 0 && s->running >= s->line.limit;
}

static void lower_pressure(struct service *s)
{
    s->pressure_known = false;
    atomic_store(&row_of(s)->pressure, 0);
}

static void raise_pressure(struct service *s)
{
    s->pressure_known = true;
    atomic_store(&row_of(s)->pressure, 1);
}

static void take_client(void *context, int fd, uint32_t events);

static void watch(struct service *s)
{
    if (s->watching)
        return;
    for (size_t i = 0; i < s->listener_count; i++)
        loop_watch(s->master->loop, s->listeners[i].fd, EPOLLIN, take_client, s);
    if (s->door[0] >= 0)
        loop_watch(s->master->loop, s->door[0], EPOLLIN, take_client, s);
    s->watching = true;
}

void demand_stop_watching(struct service *s)
{
    for (size_t i = 0; s->watching && i < s->listener_count; i++)
        loop_unwatch(s->master->loop, s->listeners[i].fd);
    if (s->watching && s->door[0] >= 0)
        loop_unwatch(s->master->loop, s->door[0]);
    s->watching = false;
}

/* Strangers keep all processes busy: say so, and let new processes know that they are under stress.  A service that is
 * meant to have one process has it busy with its first client. */
static void note_overload(struct service *s)
{
    int64_t now = (int64_t)time(NULL);

    if (s->line.local_only || s->line.limit == 1)
        return;
    s->stress_until_s = now + OVERLOAD_S;
    atomic_store(&row_of(s)->stress_until, s->stress_until_s);
    if (s->limit_warned_s && now - s->limit_warned_s < OVERLOAD_S)
        return;
    s->limit_warned_s = now;
    log_warning(
        "service \"%s\" (%s) has reached its process limit \"%d\": new clients may experience "
        "noticeable delays",
        s->line.name, s->line.label, s->line.limit);
    log_warning("to avoid this condition, increase the process count in master.cf or reduce the "
                "service time "
                "per client");
    log_warning("see https://www.postfix.org/STRESS_README.html for examples of stress-adapting "
                "configuration "
                "settings");
}

bool demand_is_stressed(const struct service *s) { return s->stress_until_s > (int64_t)time(NULL); }

static void lose_patience(void *context);

static void be_patient(struct service *s)
{
    if (s->patience == NULL)
        s->patience = loop_timer_start(s->master->loop, PATIENCE_MS + 100, lose_patience, s);
}

static void lose_patience(void *context)
{
    struct service *s = context;

    s->patience = NULL;
    template_check(s, clock_now_ms() - PATIENCE_MS);
    if (has_starting(s)) /* one that was started after the one that we waited for */
        be_patient(s);
    demand_check(s);
}

static void end_pause(void *context)
{
    struct service *s = context;

    s->rest = NULL;
    demand_check(s);
}

static void start(struct service *s)
{
    struct loop *loop = s->master->loop;

    if (!start_child(s)) {
        if (s->rest == NULL)
            s->rest = loop_timer_start(loop, FORK_PAUSE_MS, end_pause, s);
        return;
    }
    be_patient(s);
}

/* By strangers, or by users of this machine on a public socket. */
static bool can_be_crowded(const struct service *s)
{
    return !s->line.local_only || (s->line.type == MASTER_UNIX && !s->line.private);
}

static bool is_resting(const struct service *s) { return s->rest != NULL; }

void demand_check(struct service *s)
{
    if (s->listener_count == 0)
        return; /* retired */
    if (is_available(s)) {
        demand_stop_watching(s);
        lower_pressure(s);
        /* A worker may have become busy while the pressure was still up, and then told nobody. */
        if (is_available(s))
            return;
    }
    raise_pressure(s);
    if (is_resting(s)) {
        demand_stop_watching(s);
    } else if (limit_is_reached(s)) {
        demand_stop_watching(s);
        note_overload(s);
        if (can_be_crowded(s))
            crowd_watch(s);
    } else {
        watch(s);
    }
}

static bool has_client(int fd)
{
    struct pollfd p = { .fd = fd, .events = POLLIN };

    return poll(&p, 1, 0) > 0;
}

static bool has_waiting_client(const struct service *s)
{
    for (size_t i = 0; i < s->listener_count; i++)
        if (has_client(s->listeners[i].fd))
            return true;
    return s->door[0] >= 0 && has_client(s->door[0]);
}

/* One client wakes one worker (EPOLLEXCLUSIVE).  If that one dies before it has accepted, its siblings sleep
 * on and the client waits; a new worker finds it. */
void demand_after_death(struct service *s)
{
    if (has_waiting_client(s) && !is_resting(s) && !limit_is_reached(s) && !refuse_is_needed(s))
        start(s);
    demand_check(s);
}

static void run_out(struct service *s)
{
    int64_t now = clock_now_ms();
    bool again = s->ran_out_ms && now - s->ran_out_ms < SPARE_WINDOW_MS;

    s->ran_out_ms = now;
    s->pressure_known = true;
    if (again && !is_resting(s) && !limit_is_reached(s) && !is_available(s))
        start(s);
    demand_check(s);
}

static void take_client(void *context, int fd, uint32_t events)
{
    struct service *s = context;

    (void)events;
    if (!has_client(fd)) {
        run_out(s); /* a worker was faster: we are woken for nothing, a spare would prevent that */
        return;
    }
    if (refuse_is_needed(s)) {
        refuse_client(s, fd);
        return;
    }
    if (!is_available(s) && !limit_is_reached(s))
        start(s);
    demand_check(s);
}

static void note_wake(void *context, int fd, uint32_t events)
{
    struct master *m = context;
    char calls[4096];

    (void)events;
    if (read(fd, calls, sizeof calls) < 0 && errno != EAGAIN)
        log_warning("read wake pipe: %s", strerror(errno));
    LIST_FOREACH(&m->services, node)
    {
        struct service *s = LIST_ITEM(node, struct service, node);
        if (!s->pressure_known && atomic_load(&row_of(s)->pressure))
            run_out(s);
    }
}

void demand_start(struct master *m) { loop_watch(m->loop, m->wake_pipe[0], EPOLLIN, note_wake, m); }
