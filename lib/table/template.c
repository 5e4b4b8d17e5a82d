#include "table/template.h"

#include "base/number.h"

static void add_part(struct arena *a, struct template *t, struct str text, size_t group)
{
    if ((t->count & (t->count - 1)) == 0) {
        struct template_part *more = arena_alloc(a, sizeof *more * (t->count ? 2 * t->count : 1));
        if (t->count)
            memcpy(more, t->parts, sizeof *more * t->count);
        t->parts = more;
    }
    t->parts[t->count++] = (struct template_part){ arena_str(a, text), group };
}

/* The name of a `$` macro; `text` stands behind the dollar and is advanced.  Absent: no end in
 * sight. */
static struct str macro_name(struct str *text)
{
    size_t end = 0;
    char close = (char)(str_starts(*text, STR("{")) ? '}' : str_starts(*text, STR("(")) ? ')' : 0);

    if (close) {
        end = str_find(*text, close);
        if (end == STR_NOT_FOUND)
            return STR_NONE;
        struct str name = str_sub(*text, 1, end);
        *text = str_skip(*text, end + 1);
        return name;
    }
    while (end < text->len && (char_is_alnum(text->ptr[end]) || text->ptr[end] == '_'))
        end++;
    struct str name = str_sub(*text, 0, end);
    *text = str_skip(*text, end);
    return name;
}

static bool parse_macro(struct arena *a, struct template *t, struct str *text, struct buf *why)
{
    int64_t group;

    if (text->len && text->ptr[0] == '$') {
        *text = str_skip(*text, 1);
        add_part(a, t, STR("$"), 0);
        return true;
    }
    struct str name = macro_name(text);
    if (name.ptr == NULL || name.len == 0) {
        buf_add(why, name.ptr ? STR("empty macro name") : STR("truncated macro reference"));
        return false;
    }
    if (!char_is_digit(name.ptr[0]) || !number_parse_range(name, 0, 1000000, &group)) {
        buf_join(why, STR("non-numeric replacement index \""), name, STR("\""));
        return false;
    }
    if (group == 0) {
        buf_add(why, STR("out of range replacement index \"0\""));
        return false;
    }
    add_part(a, t, STR_NONE, (size_t)group);
    t->highest_group = MAX(t->highest_group, (size_t)group);
    return true;
}

bool template_parse(struct arena *a, struct str text, struct template *out, struct buf *why)
{
    struct template t = { 0 };

    while (text.len) {
        size_t dollar = str_find(text, '$');
        if (dollar != 0)
            add_part(a, &t, str_sub(text, 0, dollar), 0);
        if (dollar == STR_NOT_FOUND)
            break;
        text = str_skip(text, dollar + 1);
        if (!parse_macro(a, &t, &text, why))
            return false;
    }
    *out = t;
    return true;
}
