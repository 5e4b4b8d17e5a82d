#pragma once
/* delivery/store - put a message into a mailbox: mbox files and Maildirs.
 *
 * Everything happens with the rights of the mailbox's owner.  A link is never followed in the last
 * component unless root made it, and an mbox must be a file with one name.  A failed append leaves
 * the mailbox as it was.  When it is stored, it is stored for good: what a power cut may do to the queue file
 * afterwards, the mail is not lost. */
#include "delivery/store_fault.h"
#include "delivery/store_target.h"

/* `plan` says how the copy looks; its max_bytes is set here. */
NODISCARD bool store_message(struct delivery *d, const struct store_target *t,
                             struct copy_plan *plan, struct store_fault *fault);
