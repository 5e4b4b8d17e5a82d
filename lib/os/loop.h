#pragma once
/* os/loop - one epoll loop with timers, for master, qmgr and the other daemons that serve many at once. */
#include "os/clock.h"

#include <stdint.h>

struct loop;
struct loop_timer;
/* Events: EPOLLIN, EPOLLOUT, EPOLLHUP ... */
typedef void loop_fd_fn(void *context, int fd, uint32_t events);
typedef void loop_timer_fn(void *context);

struct loop *loop_new(void);
/* For tests. */
void loop_free(struct loop *l);
/* Watch `fd` (replaces an earlier registration of the same descriptor). */
void loop_watch(struct loop *l, int fd, uint32_t events, loop_fd_fn *fn, void *context);
void loop_unwatch(struct loop *l, int fd); /* before the descriptor is closed */
/* One-shot timer; the returned handle is valid until it fired or was cancelled. */
struct loop_timer *loop_timer_start(struct loop *l, int64_t delay_ms, loop_timer_fn *fn,
                                    void *context);
/* It becomes NULL; NULL is fine. */
void loop_timer_cancel(struct loop *l, struct loop_timer **timer);
/* Called at the end of each turn, when all that was due has run: once for any number of events. */
void loop_at_turn_end(struct loop *l, loop_timer_fn *fn, void *context);
/* Wait once (until the next timer, at most max_wait_ms; -1 = no limit) and run what is due. */
void loop_run_once(struct loop *l, int max_wait_ms);
/* For a watchdog, in a signal handler too: how often the loop has run what was due, and is it at
 * it now? */
uint64_t loop_turns(const struct loop *l);
bool loop_is_busy(const struct loop *l);
