#pragma once
/* delivery/maildir - a message as a file of its own in new/. */
#include "delivery/store_fault.h"
#include "delivery/store_target.h"

NODISCARD bool maildir_add(struct delivery *d, const struct store_target *t, struct copy_plan *plan,
                           struct store_fault *fault);
