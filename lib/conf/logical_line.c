#include "conf/logical_line.h"

#include "base/buf.h"

bool logical_line_is_comment(struct str physical)
{
    for (size_t i = 0; i < physical.len; i++)
        if (!char_is_space(physical.ptr[i]))
            return physical.ptr[i] == '#';
    return true;
}

static bool is_indented(struct str physical)
{
    return physical.len && char_is_space(physical.ptr[0]);
}

static struct str without_trailing_blanks(struct str s)
{
    while (s.len && char_is_space(s.ptr[s.len - 1]))
        s.len--;
    return s;
}

/* The next physical line that counts; `r` moves behind it. */
static bool next_physical(struct logical_reader *r, struct str *physical)
{
    while (r->rest.len) {
        *physical = str_cut(&r->rest, '\n');
        r->line++;
        if (!logical_line_is_comment(*physical))
            return true;
    }
    return false;
}

static bool next_continuation(struct logical_reader *r, struct str *physical)
{
    struct logical_reader ahead = *r;

    if (!next_physical(&ahead, physical) || !is_indented(*physical))
        return false;
    *r = ahead;
    return true;
}

bool logical_line_next(struct logical_reader *r, struct logical_line *line)
{
    BUF_AUTO(joined, 0);
    struct str physical;

    if (!next_physical(r, &physical))
        return false;
    *line = (struct logical_line){ .text = physical,
                                   .number = r->line,
                                   .indented = is_indented(physical) };
    while (next_continuation(r, &physical)) {
        if (joined.len == 0)
            buf_add(&joined, line->text);
        buf_add(&joined, physical);
    }
    if (joined.len)
        line->text = arena_str(r->arena, buf_str(&joined));
    line->text = without_trailing_blanks(line->text);
    return true;
}
