#include "ipc/desk.h"

#include "base/mem.h"
#include "os/fd.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#define READ_SIZE 4096

static void drop(struct desk_client *c)
{
    if (c->desk->leave)
        c->desk->leave(c->desk->context, c);
    loop_unwatch(c->desk->loop, c->fd);
    close(c->fd);
    buf_free(&c->in);
    buf_free(&c->out);
    free(c);
}

static bool take_questions(struct desk_client *c)
{
    struct str in = buf_str(&c->in), body;
    bool bad = false;
    char kind;

    while (channel_split(&in, &kind, &body, &bad))
        if (!c->desk->answer(c->desk->context, c, kind, body))
            return false;
    buf_consume(&c->in, c->in.len - in.len);
    return !bad;
}

static void on_event(void *context, int fd, uint32_t events);

/* A client that does not read its answers is not asked for more questions. */
static bool send_answers(struct desk_client *c)
{
    ssize_t n = c->out.len ? send(c->fd, c->out.ptr, c->out.len, MSG_DONTWAIT | MSG_NOSIGNAL) : 0;

    if (n < 0 && errno != EAGAIN && errno != EINTR)
        return false;
    if (n > 0)
        buf_consume(&c->out, (size_t)n);
    loop_watch(c->desk->loop, c->fd, c->out.len ? EPOLLOUT : EPOLLIN, on_event, c);
    return true;
}

/* False: the client went away, or sends what is no question. */
static bool read_questions(struct desk_client *c)
{
    char *room = buf_reserve(&c->in, READ_SIZE);
    ssize_t n = room ? fd_receive_with(c->fd, room, READ_SIZE, MSG_DONTWAIT, &c->passed) : 0;

    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return true;
    if (n <= 0)
        return false;
    c->in.len += (size_t)n;
    bool ok = take_questions(c);
    fd_close(&c->passed);
    return ok;
}

static bool is_open(const struct desk *d) { return d->is_open == NULL || d->is_open(d->context); }

static void on_event(void *context, int fd, uint32_t events)
{
    struct desk_client *c = context;

    (void)fd;
    if ((events & EPOLLIN) && (!is_open(c->desk) || !read_questions(c))) {
        drop(c);
        return;
    }
    if (!send_answers(c))
        drop(c);
}

void desk_serve(const struct desk *desk, int fd)
{
    struct desk_client *c = mem_alloc(sizeof *c);

    *c = (struct desk_client){
        .desk = desk, .fd = fd, .passed = -1, .in = BUF_INIT(CHANNEL_FRAME_MAX + READ_SIZE)
    };
    loop_watch(desk->loop, fd, EPOLLIN, on_event, c);
}

bool desk_client_is_root(const struct desk_client *c)
{
    struct ucred peer;
    socklen_t len = sizeof peer;

    return getsockopt(c->fd, SOL_SOCKET, SO_PEERCRED, &peer, &len) == 0 && peer.uid == 0;
}
