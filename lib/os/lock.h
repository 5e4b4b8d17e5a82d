#pragma once
#include "base/attr.h"

#include <stdbool.h>
#include <stdint.h>

/* flock(2), the lock of queue files. */
NODISCARD bool lock_shared(int fd);     /* waits */
NODISCARD bool lock_exclusive(int fd);  /* waits */
NODISCARD bool lock_try_shared(int fd); /* false with EWOULDBLOCK when somebody has it */
NODISCARD bool lock_try_exclusive(int fd);
/* fcntl(2) record lock on the whole file, for mailboxes. */
NODISCARD bool lock_fcntl_try_exclusive(int fd);

/* Waiting for somebody else's lock: short waits first, because most locks are held for a moment only, then up to
 * `delay_s` each, `attempts * delay_s` in all (deliver_lock_attempts, deliver_lock_delay). */
struct lock_patience {
    int64_t until_ms;
    int64_t next_us, longest_us;
};
struct lock_patience lock_patience_begin(int attempts, int delay_s);
/* Sleep a while; false when the time is over. */
NODISCARD bool lock_patience_wait(struct lock_patience *p);
