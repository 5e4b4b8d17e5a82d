#pragma once
/* delivery/store_sync - that a mailbox is durable before the queue file may go.
 *
 * The content of what is stored is always synced.  A new name is, where nothing else makes it durable before the
 * removal of the queue file: on another file system than the queue's, or on one that does not promise to keep the
 * order. */
#include "delivery/delivery.h"
#include "delivery/store_target.h"

/* Does the new name `path`, on device `device`, need a sync of its own? */
bool store_name_needs_sync(const struct delivery *d, const char *path, dev_t device);
/* Make the names in the directory of `path` (all up to its last slash) durable; the owner's rights are in use, and ours
 * if his do not suffice.  False: errno. */
NODISCARD bool store_sync_names(const struct store_target *t, const char *path);
/* A directory `above`, open for reading, has got a new one in which something will be synced: that is enough where a
 * sync makes all that was before it durable.  Elsewhere the name is synced now.  False: errno. */
NODISCARD bool store_sync_way(int above);
