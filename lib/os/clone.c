#include "os/clone.h"

#include "base/mem.h"

#include <sched.h>
#include <signal.h>
#include <stddef.h>
#include <sys/syscall.h>
#include <unistd.h>

static struct renewal {
    clone_renew_fn *renew;
    void *context;
} * renewals;
static size_t count, room;

void clone_renews(clone_renew_fn *renew, void *context)
{
    if (count == room) {
        room = room ? room * 2 : 8;
        renewals = mem_resize(renewals, room * sizeof *renewals);
    }
    renewals[count++] = (struct renewal){ renew, context };
}

void clone_no_more(const void *context)
{
    size_t left = 0;

    for (size_t i = 0; i < count; i++)
        if (renewals[i].context != context)
            renewals[left++] = renewals[i];
    count = left;
}

/* libc has no call for it, and its fork handlers are not run.  It also goes on believing that its only thread has the old
 * number: kill(2) is used where raise(3) would be. */
pid_t clone_sibling(void)
{
    return (pid_t)syscall(SYS_clone, (unsigned long)(CLONE_PARENT | SIGCHLD), 0UL, 0UL, 0UL, 0UL);
}

void clone_renew(void)
{
    for (size_t i = 0; i < count; i++)
        renewals[i].renew(renewals[i].context);
}
