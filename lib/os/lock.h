#pragma once
#include "base/attr.h"

#include <stdbool.h>

/* flock(2), the lock of queue files. */
NODISCARD bool lock_shared(int fd);        /* waits */
NODISCARD bool lock_exclusive(int fd);     /* waits */
NODISCARD bool lock_try_shared(int fd);    /* false with EWOULDBLOCK when somebody has it */
NODISCARD bool lock_try_exclusive(int fd);
/* fcntl(2) record lock on the whole file, for mailboxes. */
NODISCARD bool lock_fcntl_try_exclusive(int fd);
