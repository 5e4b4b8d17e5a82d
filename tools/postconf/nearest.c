#include "tools/postconf/nearest.h"

#include "conf/params.h"

#define NAME_MAX_LENGTH 80 /* of names that are looked at */

/* Two slips in a long name, one in a short one, none in what is hardly a word. */
static size_t slips_allowed(size_t length) { return length < 5 ? 0 : length < 12 ? 1 : 2; }

/* Rows of the table of distances between beginnings of both words. */
struct rows {
    size_t *before, *last, *now; /* of the last letter but one, the last one, this one */
};

static size_t least_of(size_t a, size_t b, size_t c) { return MIN(a, MIN(b, c)); }

/* Two letters that changed places count once. */
static bool are_swapped(struct str a, struct str b, size_t i, size_t k)
{
    return i > 1 && k > 1 && a.ptr[i - 1] == b.ptr[k - 2] && a.ptr[i - 2] == b.ptr[k - 1];
}

/* The row of a's letter `i`; the least of it. */
static size_t fill_row(struct rows *r, struct str a, struct str b, size_t i)
{
    size_t least = r->now[0] = i;

    for (size_t k = 1; k <= b.len; k++) {
        size_t other = r->last[k - 1] + (a.ptr[i - 1] != b.ptr[k - 1]);
        r->now[k] = least_of(other, r->last[k] + 1, r->now[k - 1] + 1);
        if (are_swapped(a, b, i, k))
            r->now[k] = MIN(r->now[k], r->before[k - 2] + 1);
        least = MIN(least, r->now[k]);
    }
    return least;
}

/* Slips between both, or more than `limit`. */
static size_t distance(struct str a, struct str b, size_t limit)
{
    size_t memory[3][NAME_MAX_LENGTH + 1];
    struct rows r = { memory[0], memory[1], memory[2] };

    for (size_t k = 0; k <= b.len; k++)
        r.last[k] = k;
    for (size_t i = 1; i <= a.len; i++) {
        if (fill_row(&r, a, b, i) > limit)
            return limit + 1;
        r = (struct rows){ r.last, r.now, r.before };
    }
    return r.last[b.len];
}

struct search {
    struct str name;
    size_t least; /* slips of the best one so far, or one more than is allowed */
    const char *best;
    bool is_tied;
};

static void consider(struct search *s, const char *candidate)
{
    struct str text = str_from(candidate);

    if (text.len > NAME_MAX_LENGTH || text.len > s->name.len + s->least ||
        s->name.len > text.len + s->least)
        return;
    size_t slips = distance(s->name, text, s->least);
    if (slips > s->least || (slips == s->least && s->best == NULL))
        return;
    s->is_tied = slips == s->least;
    if (s->is_tied)
        return;
    s->least = slips;
    s->best = candidate;
}

const char *nearest_parameter(struct str name)
{
    struct search s = { .name = name, .least = slips_allowed(name.len) + 1 };

    if (name.len > NAME_MAX_LENGTH || s.least == 1)
        return NULL;
    for (size_t i = 0; i < param_set_count; i++)
        for (size_t k = 0; k < param_sets[i]->count; k++)
            consider(&s, param_name(&param_sets[i]->params[k]));
    return s.is_tied ? NULL : s.best;
}
