#pragma once
#include "base/buf.h"
#include "os/clock.h"

#include <sys/types.h>

/* Run a command as somebody, with a limit on time and output: |command in aliases, pipe(8), spawn(8). */
struct spawn_request {
    const char *const *argv;   /* argv[0] looked up in PATH of `envp`; ends with NULL */
    const char *shell_command; /* used instead of argv: /bin/sh -c (only when it needs a shell) */
    const char *const *envp;
    const char *directory; /* working directory or NULL */
    const char *chroot;    /* or NULL */
    uid_t uid;
    gid_t gid;
    int stdin_fd; /* what the command reads; -1: nothing */
    int time_limit_s;
    bool session; /* stdin_fd is a socket: stdout and stderr too, and no output is collected */
};

enum spawn_result {
    SPAWN_EXITED,
    SPAWN_SIGNALED,
    SPAWN_TIMEOUT,
    SPAWN_NO_ROOT,      /* `chroot` cannot be entered */
    SPAWN_NO_DIRECTORY, /* `directory` cannot be entered by that user */
    SPAWN_FAILED,       /* the program cannot be run */
};

/* `status` is the exit status or the signal; the first bytes of stdout and stderr go to `output` (its
 * ceiling applies).  From SPAWN_NO_ROOT on the command did not begin, and errno says why. */
NODISCARD enum spawn_result spawn_run(const struct spawn_request *request, int *status,
                                      struct buf *output);
