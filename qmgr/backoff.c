#include "qmgr/backoff.h"

int64_t backoff_delay(int64_t now, int64_t create_time, int64_t minimal, int64_t maximal)
{
    int64_t age = now - create_time;

    if (age > maximal)
        age = maximal;
    return age < minimal ? minimal : age;
}

bool backoff_is_expired(int64_t now, int64_t create_time, int64_t lifetime)
{
    return now - create_time >= lifetime;
}

bool backoff_wants_refill(int in_core, int limit, int refill_limit, int64_t waited_ms,
                          int64_t refill_delay_ms)
{
    int room = limit - in_core;

    if (in_core <= 0)
        return true;
    return room > 0 && (room >= refill_limit || waited_ms >= refill_delay_ms);
}
