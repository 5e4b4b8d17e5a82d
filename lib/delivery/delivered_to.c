#include "delivery/delivered_to.h"

#include "base/map.h"
#include "text/address.h"
#include "text/header.h"

#include <stdlib.h>

/* More than any message has seen hosts: such a one goes round. */
#define STATIONS_MAX 10000

/* Keyed hashes of the addresses in lower case, sorted: what strangers write must not fill the memory. */
struct delivered_to {
    uint64_t *hashes;
    size_t count, room;
    bool too_many;
};

static uint64_t hash(struct str address)
{
    BUF_AUTO(lower, 0);

    buf_add_lower(&lower, address);
    return map_hash(buf_str(&lower));
}

static void add(struct delivered_to *t, struct arena *a, struct str address)
{
    t->too_many = t->count >= STATIONS_MAX;
    if (t->too_many)
        return;
    if (t->count == t->room) {
        uint64_t *old = t->hashes;
        t->room = t->room ? t->room * 2 : 8;
        t->hashes = arena_alloc(a, t->room * sizeof *old);
        if (t->count)
            memcpy(t->hashes, old, t->count * sizeof *old);
    }
    t->hashes[t->count++] = hash(address);
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

    while (!t->too_many && queue_file_read(f, &rec) == QUEUE_READ_RECORD &&
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
    uint64_t left = *(const uint64_t *)a, right = *(const uint64_t *)b;

    return left < right ? -1 : left > right;
}

static const struct delivered_to *learn(struct delivery *d)
{
    struct delivered_to *t = arena_alloc(&d->arena, sizeof *t);

    read_header(t, d);
    if (t->count)
        qsort(t->hashes, t->count, sizeof *t->hashes, compare);
    return t;
}

bool delivered_to_has(struct delivery *d, struct str address)
{
    if (d->delivered_to == NULL)
        d->delivered_to = learn(d);
    const struct delivered_to *t = d->delivered_to;
    if (t->too_many || t->count == 0)
        return t->too_many;
    uint64_t wanted = hash(address);
    return bsearch(&wanted, t->hashes, t->count, sizeof wanted, compare);
}
