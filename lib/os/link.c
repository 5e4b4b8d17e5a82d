#include "os/link.h"

#include "os/socket.h"

#include <errno.h>

/* Small reads serve commands; a peer that fills the window is sending a message and gets larger ones. */
#define READ_SMALL 4096
#define READ_LARGE 65536

void link_init(struct link *l, int fd, int timeout_s, size_t in_max, size_t out_max)
{
    *l = (struct link){ .in = BUF_INIT(in_max), .out = BUF_INIT(out_max) };
    stream_init(&l->stream, fd, (int64_t)timeout_s * 1000);
    (void)socket_set_read_timeout(fd, timeout_s);
}

void link_release(struct link *l)
{
    stream_release(&l->stream);
    buf_free(&l->in);
    buf_free(&l->out);
}

void link_close(struct link *l)
{
    stream_close(&l->stream);
    link_release(l);
}

enum io_result link_flush(struct link *l)
{
    enum io_result result = stream_write_all(&l->stream, buf_str(&l->out), DEADLINE_NEVER);

    if (result == IO_OK)
        buf_clear(&l->out);
    return result;
}

static size_t room_for(const struct link *l, size_t wanted)
{
    return l->in.max ? MIN(wanted, l->in.max - l->in.len) : wanted;
}

/* What filled the small window will fill a large one. */
static void widen(struct link *l)
{
    if (l->in.cap <= READ_SMALL && (!l->in.max || l->in.max > READ_LARGE))
        (void)buf_reserve(&l->in, room_for(l, READ_LARGE));
}

static enum io_result read_some(struct link *l, size_t want)
{
    char *room = want ? buf_reserve(&l->in, want) : NULL;
    size_t got;

    if (room == NULL) {
        errno = EMSGSIZE;
        return IO_ERROR;
    }
    enum io_result result = stream_read(&l->stream, room, want, DEADLINE_NEVER, &got);
    if (result != IO_OK)
        return result;
    l->in.len += got;
    if (got == want)
        widen(l);
    return IO_OK;
}

enum io_result link_fill(struct link *l)
{
    if (l->out.len) {
        enum io_result sent = link_flush(l);
        if (sent != IO_OK)
            return sent;
    }
    return read_some(l, room_for(l, l->in.cap > READ_SMALL ? READ_LARGE : READ_SMALL));
}
