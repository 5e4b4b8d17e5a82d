#include "os/loop.h"

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
    struct loop_timer **heap; /* earliest first */
    size_t timer_count, timer_room;
    loop_timer_fn *at_turn_end; /* NULL: nothing to do */
    void *turn_end_context;
    volatile uint64_t turns; /* a signal handler looks at these two */
    volatile bool busy;
};

struct loop *loop_new(void)
{
    struct loop *l = mem_alloc(sizeof *l);

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
    for (size_t i = 0; i < l->timer_count; i++)
        free(l->heap[i]);
    free(l->heap);
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

static void heap_put(struct loop *l, size_t at, struct loop_timer *t)
{
    l->heap[at] = t;
    t->place = at;
}

static void heap_up(struct loop *l, size_t at)
{
    struct loop_timer *t = l->heap[at];

    while (at && l->heap[(at - 1) / 2]->at_ms > t->at_ms) {
        heap_put(l, at, l->heap[(at - 1) / 2]);
        at = (at - 1) / 2;
    }
    heap_put(l, at, t);
}

static void heap_down(struct loop *l, size_t at)
{
    struct loop_timer *t = l->heap[at];

    for (;;) {
        size_t child = 2 * at + 1;
        if (child + 1 < l->timer_count && l->heap[child + 1]->at_ms < l->heap[child]->at_ms)
            child++;
        if (child >= l->timer_count || l->heap[child]->at_ms >= t->at_ms)
            break;
        heap_put(l, at, l->heap[child]);
        at = child;
    }
    heap_put(l, at, t);
}

static void heap_remove(struct loop *l, size_t at)
{
    struct loop_timer *last = l->heap[--l->timer_count];

    if (at == l->timer_count)
        return;
    heap_put(l, at, last);
    heap_up(l, at);
    heap_down(l, last->place);
}

struct loop_timer *loop_timer_start(struct loop *l, int64_t delay_ms, loop_timer_fn *fn,
                                    void *context)
{
    struct loop_timer *t = mem_alloc(sizeof *t);

    if (l->timer_count == l->timer_room) {
        l->timer_room = l->timer_room ? l->timer_room * 2 : 16;
        l->heap = mem_resize(l->heap, l->timer_room * sizeof(struct loop_timer *));
    }
    *t = (struct loop_timer){ .at_ms = clock_now_ms() + delay_ms, .fn = fn, .context = context };
    heap_put(l, l->timer_count++, t);
    heap_up(l, t->place);
    return t;
}

void loop_timer_cancel(struct loop *l, struct loop_timer **timer)
{
    if (*timer) {
        heap_remove(l, (*timer)->place);
        free(*timer);
    }
    *timer = NULL;
}

static int wait_ms(const struct loop *l, int max_wait_ms)
{
    if (l->timer_count == 0)
        return max_wait_ms;
    int64_t left = MAX(l->heap[0]->at_ms - clock_now_ms(), 0);
    int wait = left > INT_MAX ? INT_MAX : (int)left;
    return max_wait_ms >= 0 ? MIN(wait, max_wait_ms) : wait;
}

static void run_timers(struct loop *l)
{
    if (l->timer_count == 0)
        return;
    int64_t now = clock_now_ms();
    while (l->timer_count && l->heap[0]->at_ms <= now) {
        struct loop_timer *t = l->heap[0];
        struct loop_timer due = *t;
        heap_remove(l, 0);
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
