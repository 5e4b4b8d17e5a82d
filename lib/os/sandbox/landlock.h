#pragma once
#include "os/sandbox.h"

enum landlock_network { LANDLOCK_TCP, LANDLOCK_PORTS, LANDLOCK_NO_TCP };

/* What limits a process to `paths` (ends with path == NULL), as they are found with `root` as its root (NULL: its own), to
 * the read-only files that every program needs, and its TCP connections to `ports` (LANDLOCK_PORTS; ends with 0; NULL:
 * none).  Uses what the kernel knows of Landlock; paths that do not exist are left out.  A descriptor; -1: the kernel has
 * none of it. */
NODISCARD int landlock_open(const char *root, const struct sandbox_path *paths,
                            enum landlock_network network, const uint16_t *ports);
/* This process, for good.  Needs no_new_privs. */
NODISCARD bool landlock_enter(int ruleset);
