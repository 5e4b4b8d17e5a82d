#include "os/clock.h"

#include <limits.h>
#include <time.h>

int64_t clock_now_ms(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

struct timeval clock_wall(void)
{
    struct timeval t;

    gettimeofday(&t, NULL);
    return t;
}

struct deadline deadline_in_ms(int64_t ms) { return (struct deadline){ clock_now_ms() + ms }; }

int deadline_left_ms(struct deadline d)
{
    if (d.at_ms == INT64_MAX)
        return -1;
    int64_t left = d.at_ms - clock_now_ms();
    if (left <= 0)
        return 0;
    return left > INT_MAX ? INT_MAX : (int)left;
}
