#include "text/macro.h"

#define DEPTH_MAX 16 /* of conditionals inside of conditionals */

struct expansion {
    const struct macro_source *source;
    struct buf *out;
    struct str *bad;
};

void macro_add_filtered(struct buf *out, struct str value, struct str allowed)
{
    for (size_t i = 0; i < value.len; i++)
        buf_addc(out, (char)(allowed.ptr == NULL || str_has(allowed, value.ptr[i]) ? value.ptr[i]
                                                                                   : '_'));
}

static bool is_name_char(char c) { return char_is_alnum(c) || c == '_'; }

static struct str take_name(struct str *s)
{
    size_t n = 0;

    while (n < s->len && is_name_char(s->ptr[n]))
        n++;
    struct str name = str_sub(*s, 0, n);
    *s = str_skip(*s, n);
    return name;
}

static bool expand(const struct expansion *e, struct str text, int depth);

/* What follows `?`: plain text, or {yes}:{no}. */
static bool expand_choice(const struct expansion *e, struct str choice, bool yes, int depth)
{
    struct str first, second = STR_NONE;

    if (!str_starts(choice, STR("{")))
        return !yes || expand(e, choice, depth);
    if (!str_take_group(&choice, &first))
        return false;
    if (choice.len) {
        if (!str_starts(choice, STR(":{")))
            return false;
        choice = str_skip(choice, 1);
        if (!str_take_group(&choice, &second) || choice.len)
            return false;
    }
    return expand(e, str_trim(yes ? first : second), depth);
}

static bool expand_name(const struct expansion *e, struct str name, struct str rest, int depth)
{
    struct str value = STR_NONE;

    if (!e->source->value(e->source->context, name, &value)) {
        if (e->bad)
            *e->bad = name;
        return false;
    }
    if (rest.len == 0) {
        macro_add_filtered(e->out, value, e->source->allowed);
        return true;
    }
    if (rest.ptr[0] == '?')
        return expand_choice(e, str_skip(rest, 1), value.len > 0, depth + 1);
    if (rest.ptr[0] == ':')
        return expand_choice(e, str_skip(rest, 1), value.len == 0, depth + 1);
    return false;
}

/* `s` stands behind a dollar. */
static bool expand_reference(const struct expansion *e, struct str *s, int depth)
{
    struct str inside;

    if (str_skip_prefix(s, STR("$"))) {
        buf_addc(e->out, '$');
        return true;
    }
    if (str_starts(*s, STR("{")) || str_starts(*s, STR("("))) {
        if (!str_take_group(s, &inside))
            return false;
    } else {
        inside = take_name(s);
    }
    inside = str_trim(inside);
    struct str name = take_name(&inside);
    return name.len && expand_name(e, name, inside, depth);
}

static bool expand(const struct expansion *e, struct str text, int depth)
{
    if (depth > DEPTH_MAX)
        return false;
    while (text.len) {
        size_t at = str_find(text, '$');
        buf_add(e->out, str_sub(text, 0, at));
        if (at == STR_NOT_FOUND)
            return true;
        text = str_skip(text, at + 1);
        if (!expand_reference(e, &text, depth))
            return false;
    }
    return true;
}

bool macro_expand(struct str text, const struct macro_source *source, struct buf *out,
                  struct str *bad)
{
    struct expansion e = { source, out, bad };

    if (bad)
        *bad = STR_NONE;
    return expand(&e, text, 0);
}
