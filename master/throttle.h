#pragma once
/* master/throttle - when to stop starting a program that does not come up.  Pure: time is an argument.
 *
 * One bad start may be chance (a table was just being replaced), so the next one follows at once; only a
 * row of them, each started after the one before had failed, makes the service wait for service_throttle_time.  After that, one more bad start is enough. */
#include "base/attr.h"

#include <stdbool.h>
#include <stdint.h>

#define THROTTLE_AFTER 3 /* bad starts in a row */

struct throttle {
    int failures;
    int64_t failed_ms; /* when the last of them was noted */
    int64_t until_ms;  /* 0: not throttled */
};

/* What the end of a process says about its start. */
struct throttle_death {
    bool exited; /* else by a signal */
    int status;  /* exit status or signal number */
    unsigned served;
    int64_t started_ms;
};

/* Did it end before it was of any use?  A process that somebody killed did not fail. */
bool throttle_is_bad_start(const struct throttle_death *d);
/* Account for a death; true when the service has to rest from now on. */
bool throttle_note(struct throttle *t, const struct throttle_death *d, int64_t now_ms, int rest_s);
bool throttle_is_on(const struct throttle *t, int64_t now_ms);
/* The rest is over (or the configuration changed). */
void throttle_release(struct throttle *t);
