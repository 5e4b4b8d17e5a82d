#include "os/cargo.h"

#include <poll.h>
#include <sys/socket.h>

static ssize_t carrier_read(struct stream *s, char *into, size_t room, bool wait)
{
    struct cargo *cargo = s->state;
    int fd = -1;

    s->wants = POLLIN;
    ssize_t n = fd_receive_with(s->fd, into, room, wait ? 0 : MSG_DONTWAIT, &fd);
    if (fd >= 0 && cargo->waiting < CARGO_ROOM)
        cargo->in[cargo->waiting++] = fd;
    else
        fd_close(&fd);
    return n;
}

static ssize_t carrier_write(struct stream *s, struct str bytes, bool wait)
{
    struct cargo *cargo = s->state;

    if (cargo->out < 0)
        return stream_plain.write(s, bytes, wait);
    s->wants = POLLOUT;
    ssize_t n = fd_send_with(s->fd, bytes, cargo->out, wait ? 0 : MSG_DONTWAIT);
    if (n > 0)
        fd_close(&cargo->out);
    return n;
}

static bool carrier_pending(const struct stream *s UNUSED) { return false; }

static void carrier_end(struct stream *s)
{
    struct cargo *cargo = s->state;

    fd_close(&cargo->out);
    while (cargo->waiting)
        fd_close(&cargo->in[--cargo->waiting]);
}

static const struct stream_ops carrier = { carrier_read, carrier_write, carrier_pending,
                                           carrier_end };

void cargo_attach(struct stream *s, struct cargo *cargo)
{
    s->ops = &carrier;
    s->state = cargo;
}

int cargo_take(struct cargo *cargo)
{
    if (cargo->waiting == 0)
        return -1;
    int fd = cargo->in[0];

    cargo->waiting--;
    memmove(cargo->in, cargo->in + 1, (size_t)cargo->waiting * sizeof cargo->in[0]);
    return fd;
}
