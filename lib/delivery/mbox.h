#pragma once
/* delivery/mbox - append a message to a file, with its separator and locks. */
#include "delivery/store_fault.h"
#include "delivery/store_target.h"

NODISCARD bool mbox_append(struct delivery *d, const struct store_target *t, struct copy_plan *plan,
                           struct store_fault *fault);
