#include "queue/file.h"

#include "base/number.h"

#include <errno.h>
#include <unistd.h>

#define WINDOW_READ (64UL * 1024)
#define HEAD_MAX    5 /* type and four length bytes */

void queue_file_init_known(struct queue_file *f, int fd, const struct stat *st)
{
    *f =
        (struct queue_file){ .fd = fd, .follow = true, .window = BUF_INIT(0), .size = st->st_size };
}

void queue_file_init(struct queue_file *f, int fd)
{
    struct stat st;

    if (fstat(fd, &st) != 0)
        st = (struct stat){ 0 };
    queue_file_init_known(f, fd, &st);
}

void queue_file_close(struct queue_file *f)
{
    fd_close(&f->fd);
    buf_free(&f->window);
}

void queue_file_seek(struct queue_file *f, int64_t offset)
{
    f->next = offset;
    f->consumed = 0;
}

static int64_t window_end(const struct queue_file *f)
{
    return f->window_at + (int64_t)f->window.len;
}

/* Make the window begin at `next`, keeping what it has of it. */
static void slide(struct queue_file *f)
{
    if (f->next >= f->window_at && f->next <= window_end(f))
        buf_consume(&f->window, (size_t)(f->next - f->window_at));
    else
        buf_clear(&f->window);
    f->window_at = f->next;
}

/* Have `want` bytes from `next` on in the window, or as many as the file has. */
static bool fill(struct queue_file *f, size_t want)
{
    if (f->next >= f->window_at && f->next + (int64_t)want <= window_end(f))
        return true;
    slide(f);
    while (f->window.len < want) {
        int64_t left = f->size - window_end(f);
        size_t room = MAX(want - f->window.len, WINDOW_READ);

        if (left <= 0)
            return true;
        room = (size_t)MIN((int64_t)room, left);
        char *into = buf_reserve(&f->window, room);
        ssize_t n = pread(f->fd, into, room, window_end(f));
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return false;
        if (n == 0) { /* shorter than it was: somebody truncates it */
            f->size = window_end(f);
            return true;
        }
        f->window.len += (size_t)n;
    }
    return true;
}

static struct str at_next(const struct queue_file *f)
{
    return str_skip(buf_str(&f->window), (size_t)(f->next - f->window_at));
}

/* Bytes that the record whose head is `head` needs; 0 if no such record can be. */
static size_t record_length(struct str head)
{
    size_t length = 0;

    for (size_t i = 1; i < head.len && i < HEAD_MAX; i++) {
        unsigned char byte = (unsigned char)head.ptr[i];
        length |= (size_t)(byte & 0x7f) << (7 * (i - 1));
        if (!(byte & 0x80))
            return length <= RECORD_PAYLOAD_MAX ? 1 + i + length : 0;
    }
    return 0;
}

static enum queue_read read_one(struct queue_file *f, struct record *rec)
{
    if (f->next < 0 || f->next > f->size)
        return QUEUE_READ_CORRUPT;
    if (!fill(f, HEAD_MAX))
        return QUEUE_READ_ERROR;
    struct str bytes = at_next(f);
    if (bytes.len == 0)
        return QUEUE_READ_END;
    size_t length = record_length(bytes);
    if (length == 0 || (int64_t)length > f->size - f->next)
        return QUEUE_READ_CORRUPT;
    if (!fill(f, length))
        return QUEUE_READ_ERROR;
    bytes = at_next(f);
    if (record_take(&bytes, rec) != RECORD_OK)
        return QUEUE_READ_CORRUPT;
    f->record_at = f->next;
    f->next += (int64_t)length;
    f->consumed += (int64_t)length;
    f->work += (int64_t)length;
    return f->consumed > f->size ? QUEUE_READ_CORRUPT : QUEUE_READ_RECORD;
}

static bool follow_pointer(struct queue_file *f, struct str payload)
{
    int64_t target;

    if (!number_parse_range(str_trim(payload), 0, f->size, &target))
        return false;
    if (target > 0)
        f->next = target;
    return true;
}

enum queue_read queue_file_read(struct queue_file *f, struct record *rec)
{
    for (;;) {
        enum queue_read result = read_one(f, rec);

        if (result != QUEUE_READ_RECORD || !f->follow)
            return result;
        if (rec->type == REC_PADDING)
            continue;
        if (rec->type != REC_POINTER)
            return result;
        if (!follow_pointer(f, rec->payload))
            return QUEUE_READ_CORRUPT;
    }
}

bool queue_file_mark(int fd, int64_t offset, char from, char to)
{
    char there;
    ssize_t n = offset > 0 ? pread(fd, &there, 1, (off_t)offset) : 0;

    if (n == 1 && there == from)
        return fd_pwrite_all(fd, (struct str){ &to, 1 }, (off_t)offset);
    if (n >= 0)
        errno = EBADMSG;
    return false;
}
