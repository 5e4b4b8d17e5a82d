#include "table/key_sort.h"

#include "base/mem.h"

#include <stdlib.h>

/* Bytes of a key in one part; below RADIX_MIN items a comparison sort is faster than counting. */
enum { PART = 8, RADIX_MIN = 1024 };

/* Bytes behind the end count as zero. */
static uint64_t part_of(struct str key, size_t depth)
{
    uint64_t part = 0;

    key = str_skip(key, depth);
    if (key.len >= PART) {
        memcpy(&part, key.ptr, PART);
        return __builtin_bswap64(part);
    }
    for (size_t i = 0; i < PART; i++)
        part = part << 8 | (i < key.len ? (unsigned char)key.ptr[i] : 0);
    return part;
}

static int compare(const void *a, const void *b)
{
    const struct sort_item *x = a, *y = b;

    if (x->part != y->part)
        return x->part < y->part ? -1 : 1;
    return x->index < y->index ? -1 : x->index > y->index;
}

/* One stable pass by the byte at `shift`; false if all items have the same one there. */
static bool radix_pass(const struct sort_item *from, struct sort_item *to, size_t count,
                       unsigned shift)
{
    size_t start[257] = { 0 };

    for (size_t i = 0; i < count; i++)
        start[(from[i].part >> shift & 0xff) + 1]++;
    if (start[(from[0].part >> shift & 0xff) + 1] == count)
        return false;
    for (size_t i = 1; i < 257; i++)
        start[i] += start[i - 1];
    for (size_t i = 0; i < count; i++)
        to[start[from[i].part >> shift & 0xff]++] = from[i];
    return true;
}

/* Items come in order of index, and every pass is stable. */
static void radix_sort(struct sort_item *items, size_t count)
{
    struct sort_item *other = mem_alloc(count * sizeof *other), *from = items, *to = other;

    for (unsigned shift = 0; shift < 64; shift += 8) {
        if (radix_pass(from, to, count, shift)) {
            struct sort_item *swap = from;
            from = to;
            to = swap;
        }
    }
    if (from != items)
        memcpy(items, from, count * sizeof *items);
    free(other);
}

static void sort_parts(struct sort_item *items, size_t count)
{
    if (count < RADIX_MIN)
        qsort(items, count, sizeof *items, compare);
    else
        radix_sort(items, count);
}

/* Each item's part at `depth`; where no key has bytes left (they are equal but for zero bytes at
 * the end), its length.  True in that case. */
static bool load_parts(const struct key_order *o, struct sort_item *items, size_t count,
                       size_t depth)
{
    size_t longest = 0;

    for (size_t i = 0; i < count; i++) {
        struct str key = o->key(o->context, items[i].index);
        longest = key.len > longest ? key.len : longest;
        items[i].part = part_of(key, depth);
    }
    if (depth < longest)
        return false;
    for (size_t i = 0; i < count; i++)
        items[i].part = o->key(o->context, items[i].index).len;
    return true;
}

/* Sort by the bytes at `depth`, then each run of equal ones by what follows.  The recursion ends
 * behind the longest key: 64 levels for the 511 bytes that a table's key may have. */
static void sort_at(const struct key_order *o, struct sort_item *items, size_t count, size_t depth)
{
    bool last = load_parts(o, items, count, depth);

    sort_parts(items, count);
    for (size_t from = 0, to; from < count; from = to) {
        for (to = from + 1; to < count && items[to].part == items[from].part; to++)
            continue;
        if (to - from > 1 && last)
            o->equal(o->context, items + from, to - from);
        else if (to - from > 1)
            sort_at(o, items + from, to - from, depth + PART);
    }
}

void key_sort(struct sort_item *items, size_t count, const struct key_order *order)
{
    if (count > 0)
        sort_at(order, items, count, 0);
}
