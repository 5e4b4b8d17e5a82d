#include "smtpd/pace.h"

#include "os/clock.h"

void pace_init(struct pace *p, int timeout_s, bool per_request, int min_rate)
{
    int64_t full = (int64_t)timeout_s * 1000;

    *p = (struct pace){
        .strict = per_request, .full_ms = full, .left_ms = full, .min_rate = MAX(min_rate, 1)
    };
}

void pace_next_request(struct pace *p) { p->left_ms = p->full_ms; }

void pace_earn(struct pace *p, size_t bytes)
{
    p->left_ms = MIN(p->full_ms, p->left_ms + (int64_t)bytes * 1000 / p->min_rate);
}

/* A call of the stream is under way. */
struct lap {
    struct deadline until;
    int64_t start_ms;
};

/* Without a deadline of our own the kernel keeps the time.  False: there is none left. */
static bool begin(const struct pace *p, struct lap *lap)
{
    *lap = (struct lap){ .until = DEADLINE_NEVER };
    if (!p->strict)
        return true;
    lap->start_ms = clock_now_ms();
    lap->until.at_ms = lap->start_ms + p->left_ms;
    return p->left_ms > 0;
}

static void end(struct pace *p, const struct lap *lap)
{
    if (p->strict)
        p->left_ms -= clock_now_ms() - lap->start_ms;
}

enum io_result pace_read(struct pace *p, struct stream *s, char *into, size_t room, size_t *got)
{
    struct lap lap;

    if (!begin(p, &lap))
        return IO_TIMEOUT;
    enum io_result result = stream_read(s, into, room, lap.until, got);
    end(p, &lap);
    return result;
}

enum io_result pace_write(struct pace *p, struct stream *s, struct str bytes)
{
    struct lap lap;

    if (!begin(p, &lap))
        return IO_TIMEOUT;
    enum io_result result = stream_write_all(s, bytes, lap.until);
    end(p, &lap);
    return result;
}
