#include "tools/postmap/as_owner.h"

#include "base/log.h"
#include "os/privilege.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

enum { WORK_TRUE = 0, WORK_FALSE = 3 }; /* log_fatal() ends with 1 */

static bool wait_for(pid_t pid)
{
    int status;

    while (waitpid(pid, &status, 0) < 0)
        if (errno != EINTR)
            log_fatal("waitpid: %s", strerror(errno));
    if (!WIFEXITED(status))
        log_fatal("process of the file's owner: ended by signal %d", WTERMSIG(status));
    if (WEXITSTATUS(status) != WORK_TRUE && WEXITSTATUS(status) != WORK_FALSE)
        exit(WEXITSTATUS(status));
    return WEXITSTATUS(status) == WORK_TRUE;
}

bool as_owner(const struct stat *file, const char *name, bool (*work)(void *context), void *context)
{
    pid_t pid;

    if (geteuid() != 0 || file->st_uid == 0)
        return work(context);
    if ((pid = fork()) < 0)
        log_fatal("fork: %s", strerror(errno));
    if (pid > 0)
        return wait_for(pid);
    privilege_drop(name, file->st_uid, file->st_gid, NULL, 0);
    _exit(work(context) ? WORK_TRUE : WORK_FALSE);
}
