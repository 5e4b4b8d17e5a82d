#include "os/orphan.h"

#include <signal.h>
#include <sys/prctl.h>
#include <unistd.h>

static struct {
    pid_t self, parent;
    int signal_number;
} watch;

void orphan_watch(int signal_number)
{
    watch.self = getpid();
    watch.parent = getppid();
    watch.signal_number = signal_number;
    orphan_watch_again();
}

void orphan_watch_again(void)
{
    if (watch.self != getpid())
        return;
    (void)prctl(PR_SET_PDEATHSIG, (unsigned long)watch.signal_number, 0, 0, 0);
    if (getppid() != watch.parent)
        (void)kill(getpid(), watch.signal_number);
}
