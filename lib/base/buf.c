#include "base/buf.h"

#include "base/mem.h"
#include "base/utf8.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

void buf_free(struct buf *b)
{
    free(b->ptr);
    *b = BUF_INIT(b->max);
}

void buf_clear(struct buf *b)
{
    b->len = 0;
    b->full = false;
}

static bool make_room(struct buf *b, size_t n)
{
    if (b->max && n > b->max - b->len) {
        b->full = true;
        return false;
    }
    if (n <= b->cap - b->len)
        return true;
    size_t cap = b->cap ? b->cap : 64;
    while (cap - b->len < n)
        cap *= 2;
    b->ptr = mem_resize(b->ptr, cap);
    b->cap = cap;
    return true;
}

void buf_add(struct buf *b, struct str s)
{
    if (s.len == 0)
        return;
    if (!make_room(b, s.len)) {
        s.len = b->max - b->len;
        if (s.len == 0 || !make_room(b, s.len))
            return;
        b->full = true;
    }
    memcpy(b->ptr + b->len, s.ptr, s.len);
    b->len += s.len;
}

void buf_addc(struct buf *b, char c) { buf_add(b, (struct str){ &c, 1 }); }

void buf_add_cstr(struct buf *b, const char *s) { buf_add(b, str_from(s)); }

void buf_add_int(struct buf *b, int64_t value)
{
    char digits[24];
    int n = snprintf(digits, sizeof digits, "%" PRId64, value);

    buf_add(b, (struct str){ digits, (size_t)n });
}

void buf_add_lower(struct buf *b, struct str s)
{
    char *room = s.len ? buf_reserve(b, s.len) : NULL;

    if (room == NULL)
        return;
    for (size_t i = 0; i < s.len; i++)
        room[i] = char_lower(s.ptr[i]);
    b->len += s.len;
}

void buf_add_printable(struct buf *b, struct str s)
{
    size_t at = b->len;

    buf_add(b, s);
    if (b->len > at)
        utf8_make_printable(b->ptr + at, b->len - at);
}

void buf_vaddf(struct buf *b, const char *fmt, va_list ap)
{
    char *text;
    int n = vasprintf(&text, fmt, ap);

    if (n < 0)
        mem_exhausted();
    buf_add(b, (struct str){ text, (size_t)n });
    free(text);
}

void buf_addf(struct buf *b, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    buf_vaddf(b, fmt, ap);
    va_end(ap);
}

void buf_join_(struct buf *b, const struct str *parts, size_t count)
{
    for (size_t i = 0; i < count; i++)
        buf_add(b, parts[i]);
}

char *buf_reserve(struct buf *b, size_t n) { return make_room(b, n) ? b->ptr + b->len : NULL; }

void buf_consume(struct buf *b, size_t n)
{
    b->len -= n;
    if (b->len && n)
        memmove(b->ptr, b->ptr + n, b->len);
}

void buf_truncate(struct buf *b, size_t len)
{
    if (len < b->len)
        b->len = len;
}

const char *buf_cstr(struct buf *b)
{
    if (b->len == b->cap) {
        b->cap = b->cap ? b->cap + 1 : 64;
        b->ptr = mem_resize(b->ptr, b->cap);
    }
    b->ptr[b->len] = '\0';
    return b->ptr;
}
