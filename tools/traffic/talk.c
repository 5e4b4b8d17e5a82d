#include "tools/traffic/talk.h"

#include "base/mem.h"
#include "os/fd.h"

#include <errno.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#define SCRATCH_SIZE (256UL * 1024)
#define SWEEP_MS     1000 /* how exactly a timeout is kept */

static void finish(struct talk *t, int error)
{
    loop_timer_cancel(t->talks->loop, &t->timer);
    loop_unwatch(t->talks->loop, t->fd);
    fd_close(&t->fd);
    list_remove(&t->node);
    t->talks->count--;
    buf_free(&t->in);
    buf_free(&t->out);
    t->kind->gone(t, error);
}

static void on_event(void *context, int fd, uint32_t events);

static void watch(struct talk *t)
{
    uint32_t wanted = 0;

    if (t->connecting || t->out.len || t->more.len)
        wanted |= EPOLLOUT;
    if (!t->connecting && !t->timer && !t->ending)
        wanted |= EPOLLIN;
    if (wanted == t->watched)
        return;
    t->watched = wanted;
    loop_watch(t->talks->loop, t->fd, wanted, on_event, t);
}

static void said(struct talk *t, size_t bytes)
{
    size_t own = MIN(bytes, t->out.len);

    if (own == t->out.len)
        buf_clear(&t->out);
    else
        buf_consume(&t->out, own);
    t->more = str_skip(t->more, bytes - own);
}

/* False: the peer is gone; errno. */
static bool say(struct talk *t)
{
    while (t->out.len || t->more.len) {
        struct iovec parts[] = { { t->out.ptr, t->out.len },
                                 { mem_unconst(t->more.ptr), t->more.len } };
        struct msghdr message = { .msg_iov = parts, .msg_iovlen = ARRAY_LEN(parts) };
        ssize_t n = sendmsg(t->fd, &message, MSG_NOSIGNAL);
        if (n < 0)
            return errno == EAGAIN || errno == EINTR;
        said(t, (size_t)n);
    }
    return true;
}

/* After everything that may have changed what is to be done; `t` may be gone afterwards. */
static void settle(struct talk *t)
{
    t->active_ms = clock_now_ms();
    if (!say(t))
        finish(t, errno);
    else if (t->ending && t->out.len == 0 && t->more.len == 0)
        finish(t, 0);
    else
        watch(t);
}

static bool hears(const struct talk *t) { return !t->timer && !t->ending; }

static void hear(struct talk *t, struct str bytes)
{
    if (t->in.len) {
        buf_add(&t->in, bytes);
        bytes = buf_str(&t->in);
    }
    struct str rest = bytes;
    t->kind->hear(t, &rest);
    if (t->in.len)
        buf_consume(&t->in, t->in.len - rest.len);
    else
        buf_add(&t->in, rest);
    if (t->in.len == 0)
        buf_free(&t->in);
}

static void on_readable(struct talk *t)
{
    ssize_t n = read(t->fd, t->talks->scratch, SCRATCH_SIZE);

    if (n > 0) {
        hear(t, (struct str){ t->talks->scratch, (size_t)n });
        settle(t);
    } else if (n == 0) {
        finish(t, TALK_EOF);
    } else if (errno != EAGAIN && errno != EINTR) {
        finish(t, errno);
    }
}

static void on_connected(struct talk *t)
{
    int error = 0;
    socklen_t len = sizeof error;

    if (getsockopt(t->fd, SOL_SOCKET, SO_ERROR, &error, &len) != 0)
        error = errno;
    if (error) {
        finish(t, error);
        return;
    }
    t->connecting = false;
    t->kind->begin(t);
    settle(t);
}

static void on_event(void *context, int fd, uint32_t events)
{
    struct talk *t = context;

    (void)fd;
    if (t->connecting)
        on_connected(t);
    else if (hears(t) && (events & (EPOLLIN | EPOLLHUP | EPOLLERR)))
        on_readable(t);
    else if (events & (EPOLLHUP | EPOLLERR))
        finish(t, TALK_EOF);
    else
        settle(t);
}

static void sweep(void *context)
{
    struct talks *talks = context;
    int64_t oldest = clock_now_ms() - (int64_t)talks->timeout_s * 1000;

    LIST_FOREACH(&talks->all, node)
    {
        struct talk *t = LIST_ITEM(node, struct talk, node);
        if (!t->timer && t->active_ms < oldest)
            finish(t, ETIMEDOUT);
    }
    (void)loop_timer_start(talks->loop, SWEEP_MS, sweep, talks);
}

void talks_init(struct talks *talks, int timeout_s)
{
    *talks = (struct talks){ .loop = loop_new(),
                             .timeout_s = timeout_s,
                             .scratch = mem_alloc(SCRATCH_SIZE) };
    list_init(&talks->all);
    if (timeout_s)
        (void)loop_timer_start(talks->loop, SWEEP_MS, sweep, talks);
}

void talk_start(struct talks *talks, struct talk *t, const struct talk_kind *kind, int fd,
                bool connecting)
{
    *t = (struct talk){ .talks = talks,
                        .kind = kind,
                        .fd = fd,
                        .connecting = connecting,
                        .active_ms = clock_now_ms() };
    list_append(&talks->all, &t->node);
    talks->count++;
    watch(t);
}

void talk_flush(struct talk *t) { settle(t); }

static void on_resume(void *context)
{
    struct talk *t = context;

    t->timer = NULL; /* the loop has freed it */
    t->resume(t);
    if (hears(t) && t->in.len)
        hear(t, STR_NONE);
    settle(t);
}

void talk_pause(struct talk *t, int64_t ms, void (*resume)(struct talk *t))
{
    t->resume = resume;
    t->timer = loop_timer_start(t->talks->loop, ms, on_resume, t);
}

void talk_end(struct talk *t) { t->ending = true; }
