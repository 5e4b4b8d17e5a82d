#pragma once
#include "base/attr.h"
#include "base/str.h"

#include <stdarg.h>
#include <stdint.h>

/* A growing byte buffer with a ceiling.  What would pass the ceiling is dropped and sets `full`, so a
 * builder checks once at the end.  A ceiling of 0 means none: only for text whose length our own
 * configuration bounds. */
struct buf {
    char *ptr;
    size_t len;
    size_t cap;
    size_t max;
    bool full;
};

#define BUF_INIT(limit) ((struct buf){ .max = (limit) })

void buf_free(struct buf *b);
void buf_clear(struct buf *b); /* keeps the memory; `full` is reset */
void buf_add(struct buf *b, struct str s);
void buf_addc(struct buf *b, char c);
void buf_add_cstr(struct buf *b, const char *s);
void buf_add_int(struct buf *b, int64_t value);
void buf_add_lower(struct buf *b, struct str s);     /* ASCII letters folded */
void buf_add_printable(struct buf *b, struct str s); /* utf8_make_printable() */
void buf_addf(struct buf *b, const char *fmt, ...) PRINTF(2, 3);
void buf_vaddf(struct buf *b, const char *fmt, va_list ap) PRINTF(2, 0);
/* Join any number of struct str: buf_join(&b, STR("RCPT TO:<"), address, STR(">")). */
#define buf_join(b, ...)                              \
    buf_join_(b, (const struct str[]){ __VA_ARGS__ }, \
              ARRAY_LEN(((const struct str[]){ __VA_ARGS__ })))
void buf_join_(struct buf *b, const struct str *parts, size_t count);
/* Room for n more bytes at ptr+len; the caller fills it and adds to len.  NULL if the ceiling forbids it. */
char *buf_reserve(struct buf *b, size_t n);
/* Drop the first n bytes. */
void buf_consume(struct buf *b, size_t n);
void buf_truncate(struct buf *b, size_t len);
static inline struct str buf_str(const struct buf *b) { return (struct str){ b->ptr, b->len }; }
/* The content with a NUL behind it (not counted in len); valid until the buffer changes. */
const char *buf_cstr(struct buf *b);

/* struct buf with scope lifetime: `BUF_AUTO(line, 2048);` */
#define BUF_AUTO(name, limit) CLEANUP(buf_free) struct buf name = BUF_INIT(limit)
