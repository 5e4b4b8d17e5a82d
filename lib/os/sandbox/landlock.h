#pragma once
#include "os/sandbox.h"

enum landlock_network { LANDLOCK_TCP, LANDLOCK_PORTS, LANDLOCK_NO_TCP };

/* Limit this process to `paths` (ends with path == NULL) and to the read-only files that every program
 * needs, and its TCP connections to `ports` (LANDLOCK_PORTS; ends with 0; NULL: none).  Uses what the kernel knows of Landlock; paths that do not exist are left out.
 * False when the kernel has none of it. */
NODISCARD bool landlock_confine(const struct sandbox_path *paths, enum landlock_network network,
                                const uint16_t *ports);
