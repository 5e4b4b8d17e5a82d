/* One request to bounce, defer or trace at a time and connection, without waiting for it. */
#include "base/log.h"
#include "base/mem.h"
#include "ipc/channel.h"
#include "ipc/messages/bounce.h"
#include "os/socket.h"
#include "qmgr/qmgr.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#define CALLS_MAX        50
#define REPLY_MAX        4096
#define CONNECT_TRIES    50
#define CONNECT_AGAIN_MS 100

struct call {
    struct list node;
    struct qmgr *q;
    struct message *m;
    qmgr_call_fn *done;
    int fd;
    int tries;
    struct buf out, in;
    char path[100];
};

static void call_start(struct call *c);

static void start_next(struct qmgr *q)
{
    struct call *c;

    while (q->calls_open < CALLS_MAX && (c = LIST_FIRST(&q->calls, struct call, node)) != NULL) {
        list_remove(&c->node);
        q->calls_open++;
        call_start(c);
    }
}

static void call_end(struct call *c, bool ok)
{
    struct qmgr *q = c->q;
    struct message *m = c->m;
    qmgr_call_fn *done = c->done;

    if (!ok)
        log_warning("%s: service failure", c->path);
    if (c->fd >= 0)
        loop_unwatch(q->loop, c->fd);
    fd_close(&c->fd);
    buf_free(&c->out);
    buf_free(&c->in);
    free(c);
    q->calls_open--;
    start_next(q);
    if (done)
        done(q, m, ok);
}

static void call_parse(struct call *c)
{
    struct str in = buf_str(&c->in), body;
    struct bounce_reply reply;
    char kind;
    bool bad;

    if (channel_split(&in, &kind, &body, &bad))
        call_end(c,
                 kind == BOUNCE_REPLY && bounce_reply_decode(&body, &reply) && reply.status == 0);
    else if (bad || c->in.full)
        call_end(c, false);
}

static void on_ready(void *context, int fd, uint32_t events)
{
    struct call *c = context;
    ssize_t n;

    if ((events & EPOLLOUT) && c->out.len) {
        n = send(fd, c->out.ptr, c->out.len, MSG_DONTWAIT | MSG_NOSIGNAL);
        if (n < 0 && errno != EAGAIN && errno != EINTR) {
            call_end(c, false);
            return;
        }
        if (n > 0)
            buf_consume(&c->out, (size_t)n);
        if (c->out.len == 0)
            loop_watch(c->q->loop, fd, EPOLLIN, on_ready, c);
    }
    if (!(events & (EPOLLIN | EPOLLHUP | EPOLLERR)))
        return;
    enum io_result result = fd_read(fd, &c->in, 1024);
    if (result == IO_OK)
        call_parse(c);
    else if (result != IO_ERROR || (errno != EAGAIN && errno != EINTR))
        call_end(c, false);
}

static void start_again(void *context)
{
    struct call *c = context;

    call_start(c);
}

/* Not at once: the caller of qmgr_call() expects its answer later. */
static void fail_later(void *context) { call_end(context, false); }

static void call_start(struct call *c)
{
    c->fd = socket_unix_connect_nonblocking(c->path);
    if (c->fd < 0 && errno == EAGAIN && ++c->tries < CONNECT_TRIES)
        (void)loop_timer_start(c->q->loop, CONNECT_AGAIN_MS, start_again, c);
    else if (c->fd < 0)
        (void)loop_timer_start(c->q->loop, 0, fail_later, c);
    else
        loop_watch(c->q->loop, c->fd, EPOLLIN | EPOLLOUT, on_ready, c);
}

void qmgr_call(struct qmgr *q, struct str service, char kind, struct str body, struct message *m,
               qmgr_call_fn *done)
{
    struct call *c = mem_alloc(sizeof *c);
    BUF_AUTO(path, sizeof c->path - 1);

    buf_join(&path, STR("private/"), service);
    memcpy(c->path, buf_cstr(&path), path.len);
    c->q = q;
    c->m = m;
    c->done = done;
    c->fd = -1;
    c->in = BUF_INIT(REPLY_MAX);
    channel_frame(&c->out, kind, body);
    list_append(&q->calls, &c->node);
    start_next(q);
}
