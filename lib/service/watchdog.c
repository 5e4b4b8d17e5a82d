/* A daemon that serves the same client longer than daemon_timeout has lost its way.  The alarm looks back
 * once per period, so that clients cost nothing. */
#include "base/log.h"
#include "service/private.h"

#include <signal.h>
#include <unistd.h>

/* A signal handler gets no context, so this is one of the few globals. */
static struct {
    struct service *svc;
    uint64_t seen;
    unsigned seconds;
} dog;

static void bark(int signal_number)
{
    (void)signal_number;
    if (dog.svc->serving && dog.seen == dog.svc->activity)
        log_fatal("watchdog timeout");
    dog.seen = dog.svc->activity;
    (void)alarm(dog.seconds);
}

void service_watchdog_start(struct service *svc, int seconds)
{
    struct sigaction action = { .sa_handler = bark, .sa_flags = SA_RESTART };

    dog.svc = svc;
    dog.seconds = (unsigned)seconds;
    (void)sigaction(SIGALRM, &action, NULL);
    (void)alarm(dog.seconds);
}
