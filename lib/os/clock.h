#pragma once
#include <stdbool.h>
#include <stdint.h>
#include <sys/time.h>

/* Milliseconds of a clock that only moves forward. */
int64_t clock_now_ms(void);
/* Wall-clock time. */
struct timeval clock_wall(void);

/* A point in time after which a wait gives up.  DEADLINE_NEVER waits for ever, DEADLINE_NOW not at all. */
struct deadline {
    int64_t at_ms;
};
#define DEADLINE_NEVER ((struct deadline){ INT64_MAX })
#define DEADLINE_NOW   ((struct deadline){ 0 })
struct deadline deadline_in_ms(int64_t ms);
static inline struct deadline deadline_in(int seconds)
{
    return deadline_in_ms((int64_t)seconds * 1000);
}
/* Milliseconds left for poll(2): 0 when it has passed, -1 for never. */
int deadline_left_ms(struct deadline d);
static inline bool deadline_passed(struct deadline d) { return deadline_left_ms(d) == 0; }
