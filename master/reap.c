/* What is left of a process: its slot, its place in the count, and a line in the log if it failed. */
#include "base/log.h"
#include "master/master.h"

#include <stdlib.h>
#include <sys/wait.h>

void reap_log(const struct service *s, pid_t pid, int raw)
{
    if (WIFSIGNALED(raw))
        log_warning("process %s pid %d killed by signal %d", s->line.path, (int)pid, WTERMSIG(raw));
    else if (WEXITSTATUS(raw) != 0)
        log_warning("process %s pid %d exit status %d", s->line.path, (int)pid, WEXITSTATUS(raw));
}

static void end_rest(void *context)
{
    struct service *s = context;

    s->rest = NULL;
    throttle_release(&s->throttle);
    demand_check(s);
}

static void judge_death(struct child *c, int raw, unsigned served)
{
    struct service *s = c->service;
    struct throttle_death death = { .exited = WIFEXITED(raw),
                                    .served = served,
                                    .started_ms = c->started_ms };

    death.status = death.exited ? WEXITSTATUS(raw) : WTERMSIG(raw);
    if (c->generation != s->master->generation ||
        !throttle_note(&s->throttle, &death, clock_now_ms(), site_conf.service_throttle_time))
        return;
    log_warning("%s: bad command startup -- throttling", s->line.path);
    loop_timer_cancel(s->master->loop, &s->rest);
    s->rest = loop_timer_start(s->master->loop, (int64_t)site_conf.service_throttle_time * 1000,
                               end_rest, s);
}

static void forget(struct child *c)
{
    if (c->generation == c->service->master->generation)
        c->service->running--;
    list_remove(&c->node);
    free(c);
}

void reap_missing(struct child *c)
{
    (void)board_release_slot(c->service->master, c->slot);
    forget(c);
}

/* A clone that had no time to say who it was, or a child that process 1 of a container adopted. */
static void bury_stranger(struct master *m, pid_t pid, int raw)
{
    if (WIFSIGNALED(raw))
        log_warning("process pid %d killed by signal %d", (int)pid, WTERMSIG(raw));
    template_doubt(m);
}

static void bury(struct master *m, pid_t pid, int raw)
{
    struct child *c;

    if (WIFSIGNALED(raw))
        wakeup_after_crash(m);
    template_before_reap(m, pid);
    c = child_take(m, pid);
    if (c == NULL) {
        template_hear_all(m); /* it may have told who it is a moment ago */
        c = child_take(m, pid);
    }
    if (c == NULL) {
        if (!template_reap(m, pid, raw))
            bury_stranger(m, pid, raw);
        return;
    }
    struct service *s = c->service;
    reap_log(s, pid, raw);
    if (WIFSIGNALED(raw))
        template_retire(s); /* its siblings' memory is laid out alike: see docs/TRUST.md */
    judge_death(c, raw, board_release_slot(m, c->slot));
    forget(c);
    demand_after_death(s);
    reload_free_if_done(s);
}

void reap_children(struct master *m)
{
    pid_t pid;
    int raw;

    template_hear_all(m);
    while ((pid = waitpid(-1, &raw, WNOHANG)) > 0)
        bury(m, pid, raw);
}
