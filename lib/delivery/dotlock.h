#pragma once
/* delivery/dotlock - `mailbox.lock`, the lock that mail programs of all ages agree on. */
#include "delivery/store_fault.h"
#include "delivery/store_target.h"

struct dotlock {
    struct buf path;
    bool held;
    bool as_service; /* made with our own rights, because the owner may not write to the spool
                        directory */
};
#define DOTLOCK_INIT ((struct dotlock){ .path = BUF_INIT(0) })

/* Waits deliver_lock_attempts times deliver_lock_delay; a lock older than stale_lock_time is
 * removed. With `t->any_file` a directory that refuses new files costs a warning and is as good as
 * a lock. */
NODISCARD bool dotlock_take(struct dotlock *l, const struct store_target *t,
                            struct store_fault *fault);
void dotlock_release(struct dotlock *l, const struct store_target *t);
