/* A daemon that is busy with the same client or event longer than its time (daemon_timeout, most
 * often) has lost its way.  The alarm looks back once per period, so that clients cost nothing. */
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
    const struct service *svc = dog.svc;
    uint64_t done = svc->loop ? loop_turns(svc->loop) : svc->activity;

    (void)signal_number;
    if ((svc->loop ? loop_is_busy(svc->loop) : svc->serving) && dog.seen == done)
        log_fatal("watchdog timeout");
    dog.seen = done;
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
