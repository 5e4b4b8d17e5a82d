#pragma once
/* qmgr/backoff - when a deferred message is tried again and when it is given up.  Pure. */
#include <stdbool.h>
#include <stdint.h>

/* Seconds until the next attempt: the message's age, within bounds. */
int64_t backoff_delay(int64_t now, int64_t create_time, int64_t minimal, int64_t maximal);
/* After an attempt: too old to be tried again?  A lifetime of 0 means a single attempt. */
bool backoff_is_expired(int64_t now, int64_t create_time, int64_t lifetime);
/* Should more recipients be read?  `in_core` of `limit` are in memory; `waited_ms` since the last
 * reading. */
bool backoff_wants_refill(int in_core, int limit, int refill_limit, int64_t waited_ms,
                          int64_t refill_delay_ms);
