#include "text/casefold.h"

#include "base/utf8.h"

#include <stdlib.h>

struct fold_range {
    uint32_t first, last;
    int step, distance;
};
struct fold_string {
    uint32_t from;
    uint32_t to[3]; /* zeros at the end */
};

#include "text/casefold.inc"

static int compare_range(const void *key, const void *item)
{
    uint32_t rune = *(const uint32_t *)key;
    const struct fold_range *r = item;

    return rune < r->first ? -1 : rune > r->last ? 1 : 0;
}

static int compare_string(const void *key, const void *item)
{
    uint32_t rune = *(const uint32_t *)key;
    const struct fold_string *s = item;

    return rune < s->from ? -1 : rune > s->from ? 1 : 0;
}

static void add_rune(struct buf *out, uint32_t rune)
{
    if (rune < 0x80) {
        buf_addc(out, (char)rune);
        return;
    }
    int more = rune < 0x800 ? 1 : rune < 0x10000 ? 2 : 3;
    static const unsigned char leads[] = { 0, 0xc0, 0xe0, 0xf0 };

    buf_addc(out, (char)(leads[more] | (rune >> (6 * more))));
    while (more-- > 0)
        buf_addc(out, (char)(0x80 | ((rune >> (6 * more)) & 0x3f)));
}

static void add_folded(struct buf *out, uint32_t rune)
{
    const struct fold_range *r =
        bsearch(&rune, fold_ranges, ARRAY_LEN(fold_ranges), sizeof fold_ranges[0], compare_range);

    if (r && (rune - r->first) % (uint32_t)r->step == 0) {
        add_rune(out, rune + (uint32_t)r->distance);
        return;
    }
    const struct fold_string *s = bsearch(&rune, fold_strings, ARRAY_LEN(fold_strings),
                                          sizeof fold_strings[0], compare_string);
    if (s == NULL) {
        add_rune(out, rune);
        return;
    }
    for (size_t i = 0; i < ARRAY_LEN(s->to) && s->to[i]; i++)
        add_rune(out, s->to[i]);
}

void casefold_utf8(struct str s, struct buf *out)
{
    uint32_t rune;

    if (utf8_is_ascii(s)) {
        buf_add_lower(out, s);
        return;
    }
    while (s.len) {
        if ((unsigned char)s.ptr[0] < 0x80) {
            buf_addc(out, char_lower(s.ptr[0]));
            s = str_skip(s, 1);
        } else if (utf8_next(&s, &rune)) {
            add_folded(out, rune);
        } else {
            buf_addc(out, s.ptr[0]);
            s = str_skip(s, 1);
        }
    }
}
