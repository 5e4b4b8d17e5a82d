#include "smtpd/pace.h"

#include "os/clock.h"

#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

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

/* The kernel watches the clock while we wait.  False: there is no time left. */
static bool arm(const struct pace *p, int fd, int option)
{
    struct timeval left = { .tv_sec = (time_t)(p->left_ms / 1000),
                            .tv_usec = (suseconds_t)(p->left_ms % 1000 * 1000) };

    if (p->left_ms <= 0) {
        errno = EAGAIN;
        return false;
    }
    (void)setsockopt(fd, SOL_SOCKET, option, &left, sizeof left);
    return true;
}

static ssize_t send_some(int fd, struct str bytes)
{
    ssize_t n = send(fd, bytes.ptr, bytes.len, MSG_NOSIGNAL);

    return n < 0 && errno == ENOTSOCK ? write(fd, bytes.ptr, bytes.len) : n;
}

static bool is_over(const struct pace *p) { return p->is_over && *p->is_over; }

ssize_t pace_read(struct pace *p, int fd, char *into, size_t room)
{
    ssize_t n;

    do {
        int64_t start = p->strict ? clock_now_ms() : 0;
        if (p->strict && !arm(p, fd, SO_RCVTIMEO))
            return -1;
        n = read(fd, into, room);
        if (p->strict)
            p->left_ms -= clock_now_ms() - start;
    } while (n < 0 && errno == EINTR && !is_over(p));
    if (n < 0 && errno == EINTR)
        errno = EAGAIN;
    return n;
}

ssize_t pace_write(struct pace *p, int fd, struct str bytes)
{
    ssize_t n;

    do {
        int64_t start = p->strict ? clock_now_ms() : 0;
        if (p->strict && !arm(p, fd, SO_SNDTIMEO))
            return -1;
        n = send_some(fd, bytes);
        if (p->strict)
            p->left_ms -= clock_now_ms() - start;
    } while (n < 0 && errno == EINTR);
    return n;
}
