#pragma once
#include "base/attr.h"
#include "base/str.h"

#include <stdbool.h>

/* Confinement of DESIGN section 6: no_new_privs, Landlock for paths, seccomp for system calls.
 *
 * The filters are compiled at build time from lib/os/sandbox/<group>.list (one system call a line), so a
 * process start costs two system calls and no library. */
enum sandbox_group {
    SANDBOX_NONE,      /* no filter: agents that must become the recipient and run commands */
    SANDBOX_SERVICE,   /* files, UNIX sockets; no INET sockets, no exec */
    SANDBOX_NETWORK,   /* SERVICE plus INET sockets (smtp client, DNS); no exec */
    SANDBOX_ACCEPT,    /* SERVICE plus INET sockets for DNS and accept; no exec: smtpd */
    SANDBOX_ROOT_AGENT /* local, virtual: as SERVICE plus set*uid, fork, exec */
};

struct sandbox_path {
    const char *path; /* absolute or relative to the working directory */
    bool writable;
};

struct sandbox_rules {
    enum sandbox_group group;
    const struct sandbox_path *paths; /* ends with path == NULL; NULL: no Landlock ruleset */
    bool log_only; /* let refused system calls through; the kernel's audit log names them */
};

/* Returns false with a reason when the kernel offers less than asked (old kernel, container policy);
 * the caller logs it once and goes on: less confinement, same mail. */
NODISCARD bool sandbox_enter(const struct sandbox_rules *rules, const char **reason);
