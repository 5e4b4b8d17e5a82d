#pragma once
/* What the tests of lib/delivery share: a message under delivery without a queue manager. */
#include "delivery/copy.h"
#include "unit.h"

static inline void assert_str(struct str got, const char *want)
{
    BUF_AUTO(copy, 0);

    buf_add(&copy, got);
    assert_string_equal(buf_cstr(&copy), want);
}

/* `d` reads the content records in `records` (X and E are added). */
void message_open(struct delivery *d, struct str records);
void message_close(struct delivery *d);
/* The lines of `text` as N records. */
void put_lines(struct buf *records, const char *text);
/* A whole small file. */
struct str file_text(struct buf *into, const char *path);
