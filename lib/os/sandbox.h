#pragma once
#include "base/attr.h"
#include "base/str.h"

#include <stdbool.h>
#include <stdint.h>

/* Confinement of DESIGN section 6: no_new_privs, Landlock for paths, seccomp for system calls.
 *
 * The filters are compiled at build time from lib/os/sandbox/<group>.list (one system call a line), so a
 * process start costs two system calls and no library. */
enum sandbox_group {
    SANDBOX_SERVICE, /* reads and writes files that exist; no sockets but what it was handed, no exec */
    SANDBOX_QUEUE,   /* SERVICE plus making, renaming and removing files */
    SANDBOX_NETWORK, /* SERVICE plus INET sockets (smtp client, DNS); no exec */
    SANDBOX_ACCEPT, /* the same, and TCP to no other ports than those that are named; no exec: smtpd */
    SANDBOX_NAMED, /* NETWORK plus UNIX sockets by path: lmtp */
    /* At any path: */
    SANDBOX_TABLES, /* proxymap, which opens tables when it is asked: QUEUE and NETWORK */
    SANDBOX_STORE,  /* virtual: the same plus set*uid */
    SANDBOX_COMMANDS, /* local, pipe, spawn: all but what no command needs either; set-uid commands work */
};

enum sandbox_access {
    SANDBOX_READ,
    SANDBOX_WRITE,  /* and write into files and FIFOs that are there */
    SANDBOX_CHANGE, /* and make, rename and remove files */
};

struct sandbox_path {
    const char *path; /* absolute or relative to the working directory */
    enum sandbox_access access;
};

struct sandbox_rules {
    enum sandbox_group group;
    const struct sandbox_path *paths; /* ends with path == NULL; NULL: none */
    const uint16_t *ports; /* ACCEPT: what it may connect to by TCP; ends with 0; NULL: none */
    bool log_only;         /* let refused system calls through; the kernel's audit log names them */
};

/* The part that takes time, and that processes with the same rules may share: the paths, as they are found with `root` as
 * the root (NULL: the process's own).  A descriptor for sandbox_enter(), which closes it; -1 when there is nothing to
 * limit, or nothing to do it with. */
NODISCARD int sandbox_open_paths(const struct sandbox_rules *rules, const char *root);
/* Returns false with a reason when the kernel offers less than asked (old kernel, container policy);
 * the caller logs it once and goes on: less confinement, same mail. */
NODISCARD bool sandbox_enter(const struct sandbox_rules *rules, int paths, const char **reason);
