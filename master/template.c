/* Processes that are made by a template (service/template.h) and not by us.
 *
 * A service that needs a process beside others gets a template with it.  From its first word on it is asked for the next
 * ones; a process that we have asked for has a slot, and a process id only when it has told us.  When the socket says that
 * nobody is left who could, those that are still missing are started anew. */
#include "service/template.h"

#include "base/log.h"
#include "base/mem.h"
#include "master/master.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

struct template
{
    struct list node; /* in master.templates */
    struct service *service;
    pid_t pid;
    int fd;         /* -1: it is over */
    bool ready;     /* it has spoken */
    bool is_reaped; /* its process has ended */
    bool stressed;  /* its settings are those for stress */
};

static struct child *find_child(const struct service *s, int slot)
{
    LIST_FOREACH(&s->children, node)
    {
        struct child *c = LIST_ITEM(node, struct child, node);
        if (c->slot == slot)
            return c;
    }
    return NULL;
}

static void forget(struct template *t)
{
    t->service->template_count--;
    list_remove(&t->node);
    free(t);
}

static void lose_missing(const struct template *t)
{
    LIST_FOREACH(&t->service->children, node)
    {
        struct child *c = LIST_ITEM(node, struct child, node);
        if (c->template == t)
            reap_missing(c);
    }
}

static void end(struct template *t)
{
    struct service *s = t->service;

    loop_unwatch(s->master->loop, t->fd);
    close(t->fd);
    t->fd = -1;
    if (s->template == t)
        s->template = NULL;
    lose_missing(t);
    s->no_template |= !t->ready;
    if (!t->ready || t->is_reaped)
        forget(t); /* who has not spoken is a child like any other */
}

/* The process that became the template had the slot of its first clone. */
static void take_word(struct template *t, const struct template_message *m)
{
    struct child *c = find_child(t->service, m->slot);

    if (c == NULL || m->pid <= 0 || (c->template != t && (t->ready || c->pid != t->pid)))
        return;
    child_name(c, m->pid);
    t->ready = true;
}

/* False when that was the last word.  The kernel looks for a message first, and then whether the other side is closed: what
 * is said between the two lies behind the end.  And it says first that requests were left unread. */
static bool listen_to(struct template *t)
{
    struct template_message m;
    ssize_t n;
    int ends = 0;

    do {
        n = recv(t->fd, &m, sizeof m, MSG_DONTWAIT);
        if (n == (ssize_t)sizeof m)
            take_word(t, &m);
        if (n == 0)
            ends++;
    } while (n == (ssize_t)sizeof m || (n < 0 && errno == ECONNRESET) || (n == 0 && ends < 2));
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return true;
    end(t);
    return false;
}

static void hear(struct template *t)
{
    struct service *s = t->service;

    if (listen_to(t))
        return;
    demand_after_death(s);
    reload_free_if_done(s);
}

static void on_word(void *context, int fd, uint32_t events)
{
    (void)fd;
    (void)events;
    hear(context);
}

void template_hear_all(struct master *m)
{
    LIST_FOREACH(&m->templates, node)
    {
        struct template *t = LIST_ITEM(node, struct template, node);
        if (t->fd >= 0)
            hear(t);
    }
}

/* Whether it had made its first clone, which has the slot then, is known when that one speaks or the socket ends. */
static void await_first_clone(struct template *t)
{
    struct child *c;

    if (!listen_to(t) || t->ready)
        return;
    c = child_take(t->service->master, t->pid);
    c->pid = 0;
    c->template = t;
    t->ready = true;
}

void template_before_reap(struct master *m, pid_t pid)
{
    LIST_FOREACH(&m->templates, node)
    {
        struct template *t = LIST_ITEM(node, struct template, node);

        if (t->pid == pid && !t->ready) {
            await_first_clone(t);
            return;
        }
    }
}

bool template_reap(struct master *m, pid_t pid, int raw)
{
    LIST_FOREACH(&m->templates, node)
    {
        struct template *t = LIST_ITEM(node, struct template, node);
        struct service *s = t->service;

        if (!t->ready || t->is_reaped || t->pid != pid)
            continue;
        t->is_reaped = true;
        reap_log(s, pid, raw);
        if (t->fd < 0)
            forget(t);
        reload_free_if_done(s);
        return true;
    }
    return false;
}

int template_offer(struct service *s, int *theirs)
{
    int pair[2];

    *theirs = -1;
    if (s->template || s->no_template || s->line.limit == 1 || s->running == 0 ||
        socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) != 0)
        return -1;
    *theirs = pair[1];
    return pair[0];
}

void template_accept(struct service *s, int ours, pid_t pid)
{
    struct template *t;

    if (ours < 0)
        return;
    t = mem_alloc(sizeof *t);
    *t = (struct template){
        .service = s, .pid = pid, .fd = ours, .stressed = demand_is_stressed(s)
    };
    list_append(&s->master->templates, &t->node);
    loop_watch(s->master->loop, ours, EPOLLIN, on_word, t);
    s->template = t;
    s->template_count++;
}

void template_retire(struct service *s)
{
    if (s->template)
        (void)shutdown(s->template->fd, SHUT_WR);
    s->template = NULL;
    s->no_template = false;
}

static bool owes(const struct template *t)
{
    LIST_FOREACH(&t->service->children, node)
    {
        if (LIST_ITEM(node, struct child, node)->template == t)
            return true;
    }
    return false;
}

void template_doubt(struct master *m)
{
    LIST_FOREACH(&m->templates, node)
    {
        struct template *t = LIST_ITEM(node, struct template, node);

        if (t->fd < 0 || !owes(t))
            continue;
        if (t->service->template == t)
            template_retire(t->service);
        else
            (void)shutdown(t->fd, SHUT_WR);
    }
}

struct template *template_ask(struct service *s, int slot)
{
    struct template_message m = { .slot = slot };

    if (s->template && s->template->stressed != demand_is_stressed(s))
        template_retire(s);
    if (s->template == NULL || !s->template->ready ||
        send(s->template->fd, &m, sizeof m, MSG_DONTWAIT | MSG_NOSIGNAL) != (ssize_t)sizeof m)
        return NULL;
    return s->template;
}

void template_check(struct service *s, int64_t asked_before_ms)
{
    LIST_FOREACH(&s->children, node)
    {
        const struct child *c = LIST_ITEM(node, struct child, node);
        if (c->template == NULL || c->started_ms > asked_before_ms || c->template->is_reaped)
            continue;
        log_warning("%s: the template with process id %d makes no processes: ending it",
                    s->line.path, (int)c->template->pid);
        (void)kill(c->template->pid, SIGKILL);
        return;
    }
}
