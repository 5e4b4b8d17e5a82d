/* What master tells its daemons by signals.
 *
 * SIGUSR1: it died while we served a client.  (An idle daemon sees the end of its generation.)  Nobody could stop us any
 * more, and our listening sockets would keep the next master from starting.  So these are closed at once, and the client
 * has a moment to finish, unless the operator said `postfix drain`: then it has all the time it takes.
 *
 * SIGUSR2: our client keeps silent, and others wait for our place. */
#include "base/log.h"
#include "os/orphan.h"
#include "service/private.h"

#include <signal.h>
#include <unistd.h>

#define GRACE_S 1

/* A signal handler gets no context. */
static struct service *self;

static void give_up(int signal_number)
{
    (void)signal_number;
    log_warning("master(8) has died: giving up the present client");
    _exit(1);
}

static void on_orphaned(int signal_number)
{
    struct sigaction at_last = { .sa_handler = give_up };

    (void)signal_number;
    self->over = true;
    if (self->spec->kind != SERVICE_MULTI) /* its loop is awake and does it by itself */
        for (int i = 0; i < self->options.sockets; i++)
            close(self->listen_first + i);
    if (atomic_load(&self->place.board->draining))
        return;
    (void)sigaction(SIGALRM, &at_last, NULL);
    (void)alarm(GRACE_S);
}

static void on_called_off(int signal_number)
{
    (void)signal_number;
    self->called_off = true;
}

void service_watch_master(struct service *svc)
{
    struct sigaction orphaned = { .sa_handler = on_orphaned, .sa_flags = SA_RESTART };
    struct sigaction called_off = { .sa_handler = on_called_off }; /* ends a wait */

    if (svc->place.board == NULL)
        return;
    self = svc;
    (void)sigaction(SIGUSR1, &orphaned, NULL);
    (void)sigaction(SIGUSR2, &called_off, NULL);
    orphan_watch(SIGUSR1);
}
