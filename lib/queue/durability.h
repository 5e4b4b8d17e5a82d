#pragma once
/* queue/durability - what file systems promise, as far as the queue relies on it (docs/QUEUE_STATES.md). */
#include "base/attr.h"

#include <stdbool.h>

/* Of the file system that `fd`, or the existing `path`, lies on; false where nothing is known. */

/* An fsync of a new file makes its name durable too (a journal entry covers both), or nothing is durable anyway
 * (tmpfs). */
bool durability_of_names_by_fsync(int fd);
/* A change of metadata is not durable before content of the same file that was written out earlier. */
bool durability_is_ordered(const char *path);
/* Wait until the content of `fd` is on the disk, so that on such a file system metadata that changes from now on is
 * not durable before it.  By itself that makes nothing durable.  False: errno. */
NODISCARD bool durability_write_out(int fd);
