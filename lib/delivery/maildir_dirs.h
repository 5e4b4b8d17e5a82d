#pragma once
/* delivery/maildir_dirs - the directories of a Maildir, made when they are missing. */
#include "delivery/store_target.h"

/* The owner's rights are in use; in the spool directory the top is made with ours if his do not suffice.  What is made
 * is durable under its name.  False: errno. */
NODISCARD bool maildir_make(const struct store_target *t);
