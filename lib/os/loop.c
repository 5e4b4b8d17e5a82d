#include "os/loop.h"

#include "base/heap.h"
#include "base/log.h"
#include "base/mem.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <unistd.h>

#define EVENTS_PER_WAIT 64

struct watch {
    loop_fd_fn *fn;
    void *context;
    uint32_t serial; /* tells a registration from an earlier one of the same descriptor number */
};

struct loop_timer {
    int64_t at_ms;
    loop_timer_fn *fn;
    void *context;
    size_t place; /* in the heap */
};

struct loop {
    int epoll;
    struct watch *watches; /* by descriptor */
    size_t watch_count;
    uint32_t next_serial;
    struct heap timers;         /* earliest first */
    loop_timer_fn *at_turn_end; /* NULL: nothing to do */
    void *turn_end_context;
    volatile uint64_t turns; /* a signal handler looks at these two */
    volatile bool busy;
};

static bool is_due_first(const void *a, const void *b)
{
    return ((const struct loop_timer *)a)->at_ms < ((const struct loop_timer *)b)->at_ms;
}

struct loop *loop_new(void)
{
    struct loop *l = mem_alloc(sizeof *l);

    l->timers = HEAP_INIT(struct loop_timer, place, is_due_first);
    l->epoll = epoll_create1(EPOLL_CLOEXEC);
    if (l->epoll < 0)
        log_fatal("epoll_create1: %s", strerror(errno));
    return l;
}

void loop_free(struct loop *l)
{
    if (l == NULL)
        return;
    close(l->epoll);
    for (size_t i = 0; i < l->timers.count; i++)
        free(l->timers.items[i]);
    heap_free(&l->timers);
    free(l->watches);
    free(l);
}

static struct watch *watch_of(struct loop *l, int fd)
{
    size_t need = (size_t)fd + 1;

    if (need > l->watch_count) {
        size_t count = MAX(need, l->watch_count * 2);
        l->watches = mem_resize(l->watches, count * sizeof *l->watches);
        memset(l->watches + l->watch_count, 0, (count - l->watch_count) * sizeof *l->watches);
        l->watch_count = count;
    }
    return &l->watches[fd];
}

void loop_watch(struct loop *l, int fd, uint32_t events, loop_fd_fn *fn, void *context)
{
    struct watch *w = watch_of(l, fd);
    int op = w->fn ? EPOLL_CTL_MOD : EPOLL_CTL_ADD;

    *w = (struct watch){ fn, context, ++l->next_serial };
    struct epoll_event ev = { .events = events,
                              .data.u64 = (uint64_t)w->serial << 32 | (uint32_t)fd };
    if (epoll_ctl(l->epoll, op, fd, &ev) != 0)
        log_fatal("epoll_ctl: descriptor %d: %s", fd, strerror(errno));
}

void loop_unwatch(struct loop *l, int fd)
{
    if (fd < 0 || (size_t)fd >= l->watch_count || l->watches[fd].fn == NULL)
        return;
    l->watches[fd] = (struct watch){ 0 };
    (void)epoll_ctl(l->epoll, EPOLL_CTL_DEL, fd, NULL);
}

struct loop_timer *loop_timer_start(struct loop *l, int64_t delay_ms, loop_timer_fn *fn,
                                    void *context)
{
    struct loop_timer *t = mem_alloc(sizeof *t);

    *t = (struct loop_timer){
        .at_ms = clock_now_ms() + delay_ms, .fn = fn, .context = context, .place = HEAP_NOWHERE
    };
    heap_add(&l->timers, t);
    return t;
}

void loop_timer_cancel(struct loop *l, struct loop_timer **timer)
{
    if (*timer) {
        heap_remove(&l->timers, *timer);
        free(*timer);
    }
    *timer = NULL;
}

static int wait_ms(const struct loop *l, int max_wait_ms)
{
    const struct loop_timer *first = heap_first(&l->timers);

    if (first == NULL)
        return max_wait_ms;
    int64_t left = MAX(first->at_ms - clock_now_ms(), 0);
    int wait = left > INT_MAX ? INT_MAX : (int)left;
    return max_wait_ms >= 0 ? MIN(wait, max_wait_ms) : wait;
}

static void run_timers(struct loop *l)
{
    struct loop_timer *t = heap_first(&l->timers);

    if (t == NULL)
        return;
    for (int64_t now = clock_now_ms(); t && t->at_ms <= now; t = heap_first(&l->timers)) {
        struct loop_timer due = *t;
        heap_remove(&l->timers, t);
        free(t);
        due.fn(due.context);
    }
}

/* A callback may have unwatched or replaced descriptors whose events are still in this batch. */
static void dispatch(struct loop *l, const struct epoll_event *ev)
{
    uint32_t serial = (uint32_t)(ev->data.u64 >> 32);
    int fd = (int)(uint32_t)ev->data.u64;

    if ((size_t)fd < l->watch_count && l->watches[fd].fn && l->watches[fd].serial == serial)
        l->watches[fd].fn(l->watches[fd].context, fd, ev->events);
}

void loop_at_turn_end(struct loop *l, loop_timer_fn *fn, void *context)
{
    l->at_turn_end = fn;
    l->turn_end_context = context;
}

void loop_run_once(struct loop *l, int max_wait_ms)
{
    struct epoll_event events[EVENTS_PER_WAIT];
    int n = epoll_wait(l->epoll, events, EVENTS_PER_WAIT, wait_ms(l, max_wait_ms));

    if (n < 0 && errno != EINTR)
        log_fatal("epoll_wait: %s", strerror(errno));
    l->turns++;
    l->busy = true;
    for (int i = 0; i < n; i++)
        dispatch(l, &events[i]);
    run_timers(l);
    if (l->at_turn_end)
        l->at_turn_end(l->turn_end_context);
    l->busy = false;
}

uint64_t loop_turns(const struct loop *l) { return l->turns; }
bool loop_is_busy(const struct loop *l) { return l->busy; }
