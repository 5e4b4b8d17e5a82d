/* The end of a daemon whose master died while it served a client.  (An idle one sees the end of its generation.)
 *
 * Nobody could stop it any more, and its listening sockets would keep the next master from starting.  So these are
 * closed at once, and the client has a moment to finish, unless the operator said `postfix drain`: then it has all the
 * time it takes. */
#include "os/orphan.h"

#include "base/log.h"
#include "service/private.h"

#include <signal.h>
#include <unistd.h>

#define GRACE_S 1

/* A signal handler gets no context. */
static struct service *orphan;

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
    orphan->over = true;
    if (orphan->spec->kind != SERVICE_MULTI) /* its loop is awake and does it by itself */
        for (int i = 0; i < orphan->options.sockets; i++)
            close(orphan->listen_first + i);
    if (atomic_load(&orphan->place.board->draining))
        return;
    (void)sigaction(SIGALRM, &at_last, NULL);
    (void)alarm(GRACE_S);
}

void service_watch_master(struct service *svc)
{
    struct sigaction action = { .sa_handler = on_orphaned, .sa_flags = SA_RESTART };

    if (svc->place.board == NULL)
        return;
    orphan = svc;
    (void)sigaction(SIGUSR1, &action, NULL);
    orphan_watch(SIGUSR1);
}
