#include "os/link.h"

#include "os/socket.h"

#include <errno.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

/* Small reads serve commands; a peer that fills the window is sending a message and gets larger ones. */
#define READ_SMALL 4096
#define READ_LARGE 65536

void link_init(struct link *l, int fd, int timeout_s, size_t in_max, size_t out_max)
{
    *l = (struct link){
        .fd = fd, .until = DEADLINE_NEVER, .in = BUF_INIT(in_max), .out = BUF_INIT(out_max)
    };
    link_set_timeout(l, timeout_s);
}

void link_close(struct link *l)
{
    fd_close(&l->fd);
    buf_free(&l->in);
    buf_free(&l->out);
}

void link_set_timeout(struct link *l, int seconds)
{
    if (l->timeout_s == seconds || l->fd < 0)
        return;
    l->timeout_s = seconds;
    socket_set_timeout(l->fd, seconds);
}

void link_set_deadline(struct link *l, struct deadline until) { l->until = until; }
void link_clear_deadline(struct link *l) { l->until = DEADLINE_NEVER; }

/* An absolute deadline needs a wait of its own; the common case has none and waits in the call itself. */
static enum io_result wait_until(struct link *l, short events)
{
    if (l->until.at_ms == DEADLINE_NEVER.at_ms)
        return IO_OK;
    return fd_wait(l->fd, events, l->until);
}

static enum io_result failed(struct link *l)
{
    l->error = errno;
    return l->error == EAGAIN || l->error == EWOULDBLOCK ? IO_TIMEOUT : IO_ERROR;
}

static bool is_over(const struct link *l) { return l->is_over && *l->is_over; }

enum io_result link_flush(struct link *l)
{
    size_t done = 0;

    while (done < l->out.len) {
        if (is_over(l))
            return IO_TIMEOUT;
        enum io_result ready = wait_until(l, POLLOUT);
        if (ready != IO_OK)
            return ready;
        ssize_t n = send(l->fd, l->out.ptr + done, l->out.len - done, MSG_NOSIGNAL);
        if (n < 0 && errno == ENOTSOCK)
            n = write(l->fd, l->out.ptr + done, l->out.len - done);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return failed(l);
        done += (size_t)n;
    }
    buf_clear(&l->out);
    return IO_OK;
}

static size_t read_size(const struct link *l)
{
    size_t want = l->in.cap > READ_SMALL ? READ_LARGE : READ_SMALL;

    return l->in.max ? MIN(want, l->in.max - l->in.len) : want;
}

enum io_result link_fill(struct link *l)
{
    if (l->out.len) {
        enum io_result sent = link_flush(l);
        if (sent != IO_OK)
            return sent;
    }
    enum io_result ready = wait_until(l, POLLIN);
    if (ready != IO_OK)
        return ready;
    size_t want = read_size(l);
    if (want == 0) {
        l->error = EMSGSIZE;
        return IO_ERROR;
    }
    size_t before = l->in.len;
    enum io_result result = fd_read(l->fd, &l->in, want);
    if (result == IO_ERROR || result == IO_TIMEOUT)
        l->error = errno;
    if (result == IO_OK && l->in.len - before == want && l->in.cap <= READ_SMALL &&
        (!l->in.max || l->in.max > READ_LARGE))
        (void)buf_reserve(&l->in, MIN(READ_LARGE, l->in.max ? l->in.max - l->in.len : READ_LARGE));
    return result;
}

bool link_has_input(struct link *l)
{
    struct pollfd p = { .fd = l->fd, .events = POLLIN };

    return l->in.len > 0 || poll(&p, 1, 0) > 0;
}
