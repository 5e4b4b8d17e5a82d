#include "ipc/channel.h"

#include "base/log.h"
#include "os/door.h"

#include <errno.h>

#define HEAD_BYTES       5 /* length and kind */
#define FLUSH_AT         (64UL * 1024)
#define SERVICE_PATH_MAX 256

bool channel_open(struct channel *c, const char *directory, struct str service, int timeout_s)
{
    BUF_AUTO(path, SERVICE_PATH_MAX);

    buf_join(&path, str_from(directory), STR("/"), service);
    if (path.full) {
        errno = ENAMETOOLONG;
        return false;
    }
    int fd = door_connect(buf_cstr(&path), timeout_s);
    if (fd < 0)
        return false;
    channel_init(c, fd, timeout_s);
    return true;
}

void channel_init(struct channel *c, int fd, int timeout_s)
{
    link_init(&c->link, fd, timeout_s, CHANNEL_FRAME_MAX + HEAD_BYTES, 0);
    c->taken = 0;
}

void channel_close(struct channel *c)
{
    link_close(&c->link);
    c->taken = 0;
}

void channel_release(struct channel *c)
{
    link_release(&c->link);
    c->taken = 0;
}

static void put_head(char *at, size_t body_len, char kind)
{
    uint32_t len = (uint32_t)body_len + 1;

    for (int i = 0; i < 4; i++)
        at[i] = (char)(len >> (8 * i));
    at[4] = kind;
}

bool channel_frame(struct buf *out, char kind, struct str body)
{
    char head[HEAD_BYTES];

    if (body.len >= CHANNEL_FRAME_MAX)
        return false;
    put_head(head, body.len, kind);
    buf_add(out, (struct str){ head, HEAD_BYTES });
    buf_add(out, body);
    return true;
}

static bool flush_if_large(struct channel *c)
{
    return c->link.out.len < FLUSH_AT || channel_flush(c);
}

bool channel_send(struct channel *c, char kind, struct str body)
{
    if (channel_frame(&c->link.out, kind, body))
        return flush_if_large(c);
    errno = EMSGSIZE;
    return false;
}

struct buf *channel_begin(struct channel *c, char kind)
{
    char head[HEAD_BYTES] = { 0, 0, 0, 0, kind };

    c->open_at = c->link.out.len;
    buf_add(&c->link.out, (struct str){ head, HEAD_BYTES });
    return &c->link.out;
}

bool channel_end(struct channel *c)
{
    char *head = c->link.out.ptr + c->open_at;
    size_t body_len = c->link.out.len - c->open_at - HEAD_BYTES;

    if (c->link.out.full || body_len >= CHANNEL_FRAME_MAX) {
        buf_truncate(&c->link.out, c->open_at);
        c->link.out.full = false;
        errno = EMSGSIZE;
        return false;
    }
    put_head(head, body_len, head[4]);
    return flush_if_large(c);
}

bool channel_flush(struct channel *c) { return link_flush(&c->link) == IO_OK; }

bool channel_split(struct str *in, char *kind, struct str *body, bool *bad)
{
    uint32_t len = 0;

    *bad = false;
    if (in->len < HEAD_BYTES)
        return false;
    for (int i = 3; i >= 0; i--)
        len = len << 8 | (unsigned char)in->ptr[i];
    if (len == 0 || len > CHANNEL_FRAME_MAX) {
        *bad = true;
        return false;
    }
    if (in->len - 4 < len)
        return false;
    *kind = in->ptr[4];
    *body = str_sub(*in, HEAD_BYTES, 4 + (size_t)len);
    *in = str_skip(*in, 4 + (size_t)len);
    return true;
}

enum io_result channel_receive(struct channel *c, char *kind, struct str *body)
{
    for (;;) {
        struct str in = str_skip(buf_str(&c->link.in), c->taken);
        bool bad;
        if (channel_split(&in, kind, body, &bad)) {
            c->taken = c->link.in.len - in.len;
            return IO_OK;
        }
        if (bad) {
            errno = EBADMSG;
            return IO_ERROR;
        }
        buf_consume(&c->link.in, c->taken); /* once for all small frames of one read */
        c->taken = 0;
        enum io_result result = link_fill(&c->link);
        if (result != IO_OK)
            return result;
    }
}

void channel_serve_one(int fd, int timeout_s, char question, channel_answer_fn *answer)
{
    struct channel c = CHANNEL_NONE;
    struct str body;
    char kind;

    channel_init(&c, fd, timeout_s);
    if (channel_receive(&c, &kind, &body) == IO_OK && kind == question &&
        !(answer(&c, body) && channel_end(&c) && channel_flush(&c)))
        log_debug("whoever asked has gone, or asks what nobody understands");
    channel_release(&c);
}
