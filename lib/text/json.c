#include "text/json.h"

#include "base/buf.h"

#define DEPTH_MAX  64
#define STRING_MAX 65536UL

static void skip_blanks(struct str *rest)
{
    while (rest->len && str_has(STR(" \t\r\n"), *rest->ptr))
        *rest = str_skip(*rest, 1);
}

static bool take(struct str *rest, char c)
{
    skip_blanks(rest);
    if (rest->len == 0 || *rest->ptr != c)
        return false;
    *rest = str_skip(*rest, 1);
    return true;
}

/* ---- strings ---- */

static bool hex_digit(char c, unsigned *value)
{
    size_t at = str_find(STR("0123456789abcdef"), char_lower(c));

    if (at == STR_NOT_FOUND)
        return false;
    *value = *value << 4 | (unsigned)at;
    return true;
}

/* Halves of pairs become `?`: nothing that is asked for here has such characters. */
static void add_character(struct buf *out, unsigned c)
{
    if (c < 0x80) {
        buf_addc(out, (char)c);
    } else if (c < 0x800) {
        buf_addc(out, (char)(0xc0 | c >> 6));
        buf_addc(out, (char)(0x80 | (c & 0x3f)));
    } else if (c >= 0xd800 && c < 0xe000) {
        buf_addc(out, '?');
    } else {
        buf_addc(out, (char)(0xe0 | c >> 12));
        buf_addc(out, (char)(0x80 | (c >> 6 & 0x3f)));
        buf_addc(out, (char)(0x80 | (c & 0x3f)));
    }
}

static bool take_code(struct str *rest, struct buf *out)
{
    unsigned code = 0;

    for (size_t i = 0; i < 4; i++)
        if (i >= rest->len || !hex_digit(rest->ptr[i], &code))
            return false;
    *rest = str_skip(*rest, 4);
    add_character(out, code);
    return true;
}

static bool take_escape(struct str *rest, struct buf *out)
{
    static const char meanings[] = "\"\\/\b\f\n\r\t";

    if (rest->len == 0)
        return false;
    char letter = *rest->ptr;
    *rest = str_skip(*rest, 1);
    if (letter == 'u')
        return take_code(rest, out);
    size_t at = str_find(STR("\"\\/bfnrt"), letter);
    if (at == STR_NOT_FOUND)
        return false;
    buf_addc(out, meanings[at]);
    return true;
}

static bool take_string(struct str *rest, struct buf *out)
{
    if (!take(rest, '"'))
        return false;
    while (rest->len) {
        char c = *rest->ptr;
        *rest = str_skip(*rest, 1);
        if (c == '"')
            return !out->full;
        if (char_is_control(c) && c != 0x7f)
            return false;
        if (c != '\\')
            buf_addc(out, c);
        else if (!take_escape(rest, out))
            return false;
    }
    return false;
}

static bool take_text(struct str *rest, struct arena *a, struct str *text)
{
    BUF_AUTO(out, STRING_MAX);

    if (!take_string(rest, &out))
        return false;
    *text = arena_str(a, buf_str(&out));
    return true;
}

/* ---- other values ---- */

static bool skip_string(struct str *rest)
{
    BUF_AUTO(out, STRING_MAX);

    return take_string(rest, &out);
}

/* The brackets that are open, by what closes them. */
struct nest {
    char closing[DEPTH_MAX];
    size_t depth;
};

static bool note_bracket(struct nest *n, char c)
{
    if (c != '{' && c != '[' && c != '}' && c != ']')
        return true;
    if (c == '}' || c == ']')
        return c == n->closing[--n->depth];
    if (n->depth == DEPTH_MAX)
        return false;
    n->closing[n->depth++] = c == '{' ? '}' : ']';
    return true;
}

/* From a bracket to the one that closes it. */
static bool skip_nested(struct str *rest)
{
    struct nest nest = { .depth = 0 };

    do {
        if (rest->len == 0)
            return false;
        if (*rest->ptr == '"') {
            if (!skip_string(rest))
                return false;
            continue;
        }
        if (!note_bracket(&nest, *rest->ptr))
            return false;
        *rest = str_skip(*rest, 1);
    } while (nest.depth);
    return true;
}

static bool skip_word(struct str *rest)
{
    size_t n = 0;

    while (n < rest->len && (char_is_alnum(rest->ptr[n]) || str_has(STR("+-."), rest->ptr[n])))
        n++;
    *rest = str_skip(*rest, n);
    return n > 0;
}

static bool take_value(struct str *rest, struct arena *a, struct json_member *m)
{
    skip_blanks(rest);
    struct str start = *rest;
    if (str_starts(start, STR("\""))) {
        m->kind = JSON_STRING;
        return take_text(rest, a, &m->value);
    }
    bool nested = str_starts(start, STR("{")) || str_starts(start, STR("["));
    m->kind = nested ? JSON_NESTED : JSON_WORD;
    if (!(m->kind == JSON_NESTED ? skip_nested(rest) : skip_word(rest)))
        return false;
    m->value = str_sub(start, 0, start.len - rest->len);
    return true;
}

/* ---- the object ---- */

static bool is_over(struct str *rest)
{
    struct str after = *rest;

    if (!take(&after, '}'))
        return false;
    skip_blanks(&after);
    if (after.len == 0)
        *rest = after;
    return true;
}

/* Something must follow: at least the end of the object. */
static bool take_member(struct str *rest, struct arena *a, struct json_member *m)
{
    if (!take_text(rest, a, &m->name) || !take(rest, ':') || !take_value(rest, a, m))
        return false;
    skip_blanks(rest);
    return rest->len > 0;
}

bool json_next(struct str *rest, struct arena *a, struct json_member *member)
{
    struct json_member m = { .kind = JSON_WORD };
    struct str at = *rest;
    bool first = take(&at, '{');

    if (is_over(&at)) {
        *rest = at;
        return false;
    }
    if ((!first && !take(&at, ',')) || !take_member(&at, a, &m))
        return false;
    *rest = at;
    *member = m;
    return true;
}

struct str json_find(struct str object, struct str name, enum json_kind kind, struct arena *a)
{
    struct json_member m;
    struct str found = STR_NONE;

    while (json_next(&object, a, &m))
        if (found.ptr == NULL && m.kind == kind && str_equal(m.name, name))
            found = m.value;
    return object.len == 0 ? found : STR_NONE;
}
