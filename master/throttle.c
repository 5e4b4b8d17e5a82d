#include "master/throttle.h"

#include <signal.h>

bool throttle_is_bad_start(const struct throttle_death *d)
{
    if (d->served > 0)
        return false;
    if (d->exited)
        return d->status != 0;
    return d->status != SIGKILL && d->status != SIGTERM && d->status != SIGINT &&
           d->status != SIGHUP;
}

bool throttle_note(struct throttle *t, const struct throttle_death *d, int64_t now_ms, int rest_s)
{
    if (!throttle_is_bad_start(d)) {
        if (d->served > 0)
            t->failures = 0;
        return false;
    }
    if (throttle_is_on(t, now_ms) || (t->failures > 0 && d->started_ms < t->failed_ms))
        return false; /* a sibling that was still starting */
    t->failed_ms = now_ms;
    if (++t->failures < THROTTLE_AFTER)
        return false;
    t->until_ms = now_ms + (int64_t)rest_s * 1000;
    return true;
}

bool throttle_is_on(const struct throttle *t, int64_t now_ms) { return t->until_ms > now_ms; }

void throttle_release(struct throttle *t)
{
    t->until_ms = 0;
    t->failures = t->failures >= THROTTLE_AFTER ? THROTTLE_AFTER - 1 : t->failures;
}
