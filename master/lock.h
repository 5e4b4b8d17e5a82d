#pragma once
/* master/lock - one master per queue directory and per data directory. */
#include "base/attr.h"

#include <stdbool.h>

/* Lock pid/master.pid and $data_directory/master.lock (the working directory is the queue directory); fatal when
 * another master has one of them.  The locks end with this process. */
void lock_take(void);
/* Write our process id into both: after the last fork. */
void lock_write_pid(void);
/* Does a master hold the lock? */
bool lock_is_held(void);
