#pragma once
#include "base/buf.h"

#include <sys/stat.h>

/* Open a file for a privileged or semi-trusted writer without being led astray: regular files only, no
 * symbolic link that somebody other than root made, one hard link, expected owner.
 * -1 with the reason in `why` (never NULL) and errno set. */
NODISCARD int safe_open(const char *path, int flags, mode_t mode, struct stat *st, uid_t owner,
                        gid_t group, struct buf *why);
