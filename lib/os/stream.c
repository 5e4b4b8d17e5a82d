#include "os/stream.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

/* ---- a plain descriptor ---- */

static bool would_wait(struct stream *s, short events)
{
    struct pollfd p = { .fd = s->fd, .events = events };

    s->wants = events;
    if (poll(&p, 1, 0) > 0)
        return false;
    errno = EAGAIN;
    return true;
}

/* A pipe or a terminal has no flags for one call. */
static ssize_t plain_read(struct stream *s, char *into, size_t room, bool wait)
{
    s->wants = POLLIN;
    if (wait)
        return read(s->fd, into, room);
    ssize_t n = recv(s->fd, into, room, MSG_DONTWAIT);
    if (n < 0 && errno == ENOTSOCK && !would_wait(s, POLLIN))
        n = read(s->fd, into, room);
    return n;
}

static ssize_t plain_write(struct stream *s, struct str bytes, bool wait)
{
    s->wants = POLLOUT;
    ssize_t n = send(s->fd, bytes.ptr, bytes.len, MSG_NOSIGNAL | (wait ? 0 : MSG_DONTWAIT));
    if (n < 0 && errno == ENOTSOCK && (wait || !would_wait(s, POLLOUT)))
        n = write(s->fd, bytes.ptr, bytes.len);
    return n;
}

static bool plain_pending(const struct stream *s UNUSED) { return false; }
static void plain_end(struct stream *s UNUSED) {}

const struct stream_ops stream_plain = { plain_read, plain_write, plain_pending, plain_end };

/* ---- begin and end ---- */

void stream_init(struct stream *s, int fd, int64_t kernel_ms)
{
    *s = (struct stream){ .fd = fd, .ops = &stream_plain, .kernel_ms = kernel_ms };
}

void stream_release(struct stream *s)
{
    s->ops->end(s);
    *s = (struct stream)STREAM_NONE;
}

void stream_close(struct stream *s)
{
    int fd = s->fd;

    stream_release(s);
    fd_close(&fd);
}

/* ---- attempts ---- */

/* How the next attempt goes about it. */
struct attempt {
    struct deadline until;
    short events; /* what to wait for before it; 0: it may go at once */
    bool waits;   /* the system call itself may wait */
};

static int left_ms(const struct stream *s, struct deadline until)
{
    return s->called_off && *s->called_off ? 0 : deadline_left_ms(until);
}

static bool kernel_keeps_time(const struct stream *s, int left)
{
    return left < 0 || (s->kernel_ms > 0 && left >= s->kernel_ms);
}

static enum io_result timed_out(void)
{
    errno = ETIMEDOUT;
    return IO_TIMEOUT;
}

/* IO_OK: try now. */
static enum io_result get_ready(struct stream *s, struct attempt *a)
{
    struct pollfd p = { .fd = s->fd, .events = a->events };

    for (;;) {
        int left = left_ms(s, a->until);
        a->waits = kernel_keeps_time(s, left);
        if (a->waits || left == 0 || a->events == 0)
            return IO_OK;
        int n = poll(&p, 1, left);
        if (n > 0)
            return IO_OK;
        if (n == 0)
            return timed_out();
        if (errno != EINTR)
            return IO_ERROR;
    }
}

/* After an attempt that failed: IO_OK to try again. */
static enum io_result look_at_failure(const struct stream *s, struct attempt *a)
{
    if (errno == EINTR)
        return IO_OK;
    if (errno != EAGAIN && errno != EWOULDBLOCK)
        return IO_ERROR;
    /* The time of the kernel, or no time at all, was all there was. */
    int left = left_ms(s, a->until);
    if (left <= 0)
        return timed_out();
    a->events = s->wants;
    return IO_OK;
}

enum io_result stream_read(struct stream *s, char *into, size_t room, struct deadline until,
                           size_t *got)
{
    struct attempt a = { .until = until, .events = s->ops->pending(s) ? 0 : POLLIN };
    enum io_result result;

    while ((result = get_ready(s, &a)) == IO_OK) {
        ssize_t n = s->ops->read(s, into, room, a.waits);
        if (n == 0)
            return IO_EOF;
        if (n > 0) {
            *got = (size_t)n;
            return IO_OK;
        }
        if ((result = look_at_failure(s, &a)) != IO_OK)
            break;
    }
    return result;
}

/* Wait until what the last attempt wanted is there. */
static enum io_result wait_for_room(const struct stream *s, struct deadline until)
{
    struct pollfd p = { .fd = s->fd, .events = s->wants };

    for (;;) {
        int left = left_ms(s, until);
        if (left == 0)
            return timed_out();
        if (kernel_keeps_time(s, left))
            left = s->kernel_ms > 0 ? (int)MIN(s->kernel_ms, INT_MAX) : -1;
        int n = poll(&p, 1, left);
        if (n > 0)
            return IO_OK;
        if (n == 0)
            return timed_out();
        if (errno != EINTR)
            return IO_ERROR;
    }
}

enum io_result stream_write(struct stream *s, struct str bytes, struct deadline until, size_t *done)
{
    for (;;) {
        ssize_t n = s->ops->write(s, bytes, false);
        if (n >= 0) {
            *done = (size_t)n;
            return IO_OK;
        }
        if (errno == EAGAIN || errno == EWOULDBLOCK) {
            enum io_result result = wait_for_room(s, until);
            if (result != IO_OK)
                return result;
        } else if (errno != EINTR) {
            return IO_ERROR;
        }
    }
}

enum io_result stream_write_all(struct stream *s, struct str bytes, struct deadline until)
{
    enum io_result result = IO_OK;
    size_t done;

    while (bytes.len && (result = stream_write(s, bytes, until, &done)) == IO_OK)
        bytes = str_skip(bytes, done);
    return result;
}

void stream_try_write(struct stream *s, struct str bytes)
{
    size_t done;
    enum io_result result = stream_write(s, bytes, DEADLINE_NOW, &done);

    (void)result; /* the word was a courtesy */
}

bool stream_is_quiet(const struct stream *s, int ms)
{
    struct pollfd p = { .fd = s->fd, .events = POLLIN };

    return !s->ops->pending(s) && poll(&p, 1, ms) == 0;
}
