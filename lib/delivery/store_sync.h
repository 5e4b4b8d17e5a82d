#pragma once
/* delivery/store_sync - that a mailbox is durable, content and name, before anything says that the mail was delivered.
 *
 * Whatever says so may reach the disk earlier than a name that nobody has synced: the mark in the queue file, which is
 * overwritten, or another message in the same file (queue/spare.h). */
#include "delivery/store_target.h"

/* Make the names in the directory of `path` (all up to its last slash) durable; the owner's rights are in use, and ours
 * if his do not suffice.  False: errno. */
NODISCARD bool store_sync_names(const struct store_target *t, const char *path);
/* A directory `above`, open for reading, has got a new one in which something will be synced: that is enough where a
 * sync makes all that was before it durable.  Elsewhere the name is synced now.  False: errno. */
NODISCARD bool store_sync_way(int above);
