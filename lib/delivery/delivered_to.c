#include "delivery/delivered_to.h"

#include "text/address.h"
#include "text/header.h"

#include <stdlib.h>

/* In lower case, sorted. */
struct delivered_to {
    struct str *addresses;
    size_t count, room;
};

static struct str lower(struct arena *a, struct str s)
{
    BUF_AUTO(out, 0);

    buf_add_lower(&out, s);
    return arena_str(a, buf_str(&out));
}

static void add(struct delivered_to *t, struct arena *a, struct str address)
{
    if (t->count == t->room) {
        struct str *old = t->addresses;
        t->room = t->room ? t->room * 2 : 8;
        t->addresses = arena_alloc(a, t->room * sizeof *old);
        if (t->count)
            memcpy(t->addresses, old, t->count * sizeof *old);
    }
    t->addresses[t->count++] = lower(a, address);
}

/* As it stands there, and in internal form. */
static void take_line(struct delivered_to *t, struct arena *a, struct str line)
{
    BUF_AUTO(internal, 0);

    if (!str_skip_prefix_nocase(&line, STR("Delivered-To")))
        return;
    line = str_trim(line);
    if (!str_skip_prefix(&line, STR(":")))
        return;
    line = str_trim(line);
    add(t, a, line);
    if (address_unquote(line, &internal) && !str_equal(buf_str(&internal), line))
        add(t, a, buf_str(&internal));
}

static void read_header(struct delivered_to *t, struct delivery *d)
{
    struct queue_file *f = delivery_content(d);
    bool at_line_start = true;
    struct record rec;

    while (queue_file_read(f, &rec) == QUEUE_READ_RECORD &&
           (rec.type == REC_TEXT || rec.type == REC_TEXT_PART)) {
        if (at_line_start && rec.payload.len == 0)
            return;
        if (at_line_start && (rec.payload.ptr[0] | 0x20) == 'd')
            take_line(t, &d->arena, rec.payload);
        if (at_line_start && !header_is_continuation(rec.payload) && !header_is_line(rec.payload))
            return;
        at_line_start = rec.type == REC_TEXT;
    }
}

static int compare(const void *a, const void *b)
{
    return str_compare(*(const struct str *)a, *(const struct str *)b);
}

static const struct delivered_to *learn(struct delivery *d)
{
    struct delivered_to *t = arena_alloc(&d->arena, sizeof *t);

    read_header(t, d);
    if (t->count)
        qsort(t->addresses, t->count, sizeof *t->addresses, compare);
    return t;
}

bool delivered_to_has(struct delivery *d, struct str address)
{
    BUF_AUTO(wanted, 0);

    if (d->delivered_to == NULL)
        d->delivered_to = learn(d);
    if (d->delivered_to->count == 0)
        return false;
    buf_add_lower(&wanted, address);
    struct str key = buf_str(&wanted);
    return bsearch(&key, d->delivered_to->addresses, d->delivered_to->count, sizeof key, compare);
}
