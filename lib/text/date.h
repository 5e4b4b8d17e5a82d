#pragma once
#include "base/buf.h"

#include <stdint.h>
#include <time.h>

/* RFC 5322 date with the zone name behind, as in Received and Date headers:
 * `Sat, 21 Nov 2026 19:54:32 +0000 (UTC)`; a one-digit day is padded with a blank.  `local` comes
 * from the caller (this module has no clock); `offset` is seconds east of UTC, `zone` may be empty.
 */
void date_format(const struct tm *local, long offset, struct str zone, struct buf *out);
/* mbox separator: `Sat Nov 21 19:57:23 2026`. */
void date_format_ctime(const struct tm *local, struct buf *out);
/* Seconds since the epoch as UTC fields, without a time-zone database. */
void date_utc(int64_t seconds, struct tm *out);
