#include "conf/expand.h"

#include "conf/idna.h"
#include "conf/level.h"

/* One text being expanded: where its names come from and where the result goes. */
struct expansion {
    const struct expand_names *names;
    unsigned depth;
    struct buf *out, *error;
};

static bool is_name_char(char c) { return char_is_alnum(c) || c == '_'; }

static struct str skip_blanks(struct str s)
{
    while (s.len && char_is_space(s.ptr[0]))
        s = str_skip(s, 1);
    return s;
}

static struct str take_name(struct str *s)
{
    size_t n = 0;

    while (n < s->len && is_name_char(s->ptr[n]))
        n++;
    struct str name = str_sub(*s, 0, n);
    *s = str_skip(*s, n);
    return name;
}

static bool starts_with(struct str s, char c) { return s.len && s.ptr[0] == c; }

static bool syntax_error(struct expansion *e, const char *what, struct str before, struct str at)
{
    buf_clear(e->error);
    buf_join(e->error, str_from(what), STR(" at: \"..."), before, STR(">>>"), at, STR("\""));
    return false;
}

static bool reference_error(struct expansion *e, const char *what, struct str text)
{
    buf_clear(e->error);
    buf_join(e->error, str_from(what), STR(": \""), text, STR("\""));
    return false;
}

static bool expand_inner(struct expansion *e, struct str text, struct buf *out)
{
    return expand_text(e->names, text, e->depth + 1, out, e->error);
}

static bool add_value(struct expansion *e, struct str name)
{
    struct str value;

    if (!e->names->value(e->names->context, name, e->depth + 1, &value, e->error))
        return false;
    buf_add(e->out, value);
    return true;
}

/* The text after `?` or `:`: in braces, or all that is left, blanks included. */
static bool take_text(struct expansion *e, struct str *s, struct str *text)
{
    struct str ahead = skip_blanks(*s);

    if (!starts_with(ahead, '{')) {
        *text = *s;
        *s = STR("");
        return true;
    }
    *s = ahead;
    if (!str_take_group(s, text))
        return reference_error(e, "truncated macro reference", ahead);
    *s = skip_blanks(*s);
    return true;
}

/* `s` is what follows a condition, from its `?` or `:` on. */
static bool expand_choice(struct expansion *e, struct str s, bool truth)
{
    bool has_yes = starts_with(s, '?');
    struct str yes = STR(""), no = STR("");

    s = str_skip(s, 1);
    if (!take_text(e, &s, has_yes ? &yes : &no))
        return false;
    if (has_yes && s.len) {
        if (s.ptr[0] != ':')
            return syntax_error(e, "\":\" expected", yes, s);
        s = str_skip(s, 1);
        if (!take_text(e, &s, &no))
            return false;
    }
    if (s.len)
        return syntax_error(e, "unexpected input", no, s);
    return expand_inner(e, truth ? yes : no, e->out);
}

static const struct comparison {
    struct str text;
    bool by_level, less, equal, greater;
} comparisons[] = {
    /* longest first */
    { STR("==level"), true, false, true, false }, { STR("!=level"), true, true, false, true },
    { STR("<=level"), true, true, true, false },  { STR(">=level"), true, false, true, true },
    { STR("<level"), true, true, false, false },  { STR(">level"), true, false, false, true },
    { STR("=="), false, false, true, false },     { STR("!="), false, true, false, true },
    { STR("<="), false, true, true, false },      { STR(">="), false, false, true, true },
    { STR("<"), false, true, false, false },      { STR(">"), false, false, false, true },
};

static const struct comparison *take_comparison(struct str *s)
{
    for (size_t i = 0; i < ARRAY_LEN(comparisons); i++)
        if (str_skip_prefix(s, comparisons[i].text))
            return &comparisons[i];
    return NULL;
}

static bool is_digits(struct str s)
{
    for (size_t i = 0; i < s.len; i++)
        if (!char_is_digit(s.ptr[i]))
            return false;
    return s.len > 0;
}

/* Numbers of any length. */
static int compare_digits(struct str a, struct str b)
{
    while (a.len > 1 && a.ptr[0] == '0')
        a = str_skip(a, 1);
    while (b.len > 1 && b.ptr[0] == '0')
        b = str_skip(b, 1);
    return a.len != b.len ? (a.len < b.len ? -1 : 1) : str_compare(a, b);
}

static bool compare(struct expansion *e, const struct comparison *how, struct str l, struct str r,
                    bool *truth)
{
    int order;

    if (how->by_level) {
        int64_t a, b;
        if (!level_parse(l, &a))
            return reference_error(e, "malformed compatibility level syntax", l);
        if (!level_parse(r, &b))
            return reference_error(e, "malformed compatibility level syntax", r);
        order = a < b ? -1 : a > b;
    } else if (is_digits(l) && is_digits(r)) {
        order = compare_digits(l, r);
    } else {
        order = str_compare(l, r);
    }
    *truth = order < 0 ? how->less : order > 0 ? how->greater : how->equal;
    return true;
}

/* `{l} op {r}`, and a choice behind it or not. */
static bool expand_comparison(struct expansion *e, struct str s)
{
    BUF_AUTO(left, e->out->max);
    BUF_AUTO(right, e->out->max);
    struct str whole = s, l, r;
    bool truth;

    if (!str_take_group(&s, &l))
        return reference_error(e, "truncated macro reference", whole);
    s = skip_blanks(s);
    const struct comparison *how = take_comparison(&s);
    if (how == NULL)
        return syntax_error(e, "comparison operator expected", l, s);
    s = skip_blanks(s);
    if (!starts_with(s, '{'))
        return syntax_error(e, "\"{expression}\" expected", how->text, s);
    if (!str_take_group(&s, &r))
        return reference_error(e, "truncated macro reference", whole);
    s = skip_blanks(s);
    if (!expand_inner(e, l, &left) || !expand_inner(e, r, &right) ||
        !compare(e, how, buf_str(&left), buf_str(&right), &truth))
        return false;
    if (starts_with(s, '?') || starts_with(s, ':'))
        return expand_choice(e, s, truth);
    if (s.len)
        return syntax_error(e, "\"?\" or \":\" expected", r, s);
    if (truth)
        buf_add(e->out, STR("true"));
    return true;
}

/* `name{text}`; there is one function. */
static bool expand_call(struct expansion *e, struct str name, struct str s)
{
    BUF_AUTO(argument, e->out->max);
    struct str rest = s, text;

    if (!str_equal(name, STR("domain_to_ascii")))
        return syntax_error(e, "attribute name syntax error", name, s);
    if (!str_take_group(&rest, &text))
        return reference_error(e, "truncated macro reference", s);
    rest = skip_blanks(rest);
    if (rest.len)
        return syntax_error(e, "unexpected input", text, rest);
    if (!expand_inner(e, text, &argument))
        return false;
    if (!idna_to_ascii(buf_str(&argument), false, e->out))
        return reference_error(e, "not a domain name", buf_str(&argument));
    return true;
}

/* What stands between the brackets of `${...}`; `whole` is the text it stands in. */
static bool expand_reference(struct expansion *e, struct str body, struct str whole)
{
    struct str s = skip_blanks(body);

    if (starts_with(s, '{'))
        return expand_comparison(e, s);
    struct str name = take_name(&s);
    if (name.len == 0)
        return reference_error(e, "empty macro name", whole);
    if (starts_with(s, '{'))
        return expand_call(e, name, s);
    s = skip_blanks(s);
    if (s.len == 0)
        return add_value(e, name);
    if (s.ptr[0] != '?' && s.ptr[0] != ':')
        return syntax_error(e, "attribute name syntax error", name, s);
    return expand_choice(e, s, e->names->is_set(e->names->context, name));
}

/* `*rest` stands behind a dollar sign. */
static bool expand_dollar(struct expansion *e, struct str text, struct str *rest)
{
    if (starts_with(*rest, '$')) {
        buf_addc(e->out, '$');
        *rest = str_skip(*rest, 1);
        return true;
    }
    if (starts_with(*rest, '{') || starts_with(*rest, '(')) {
        struct str body;
        if (!str_take_group(rest, &body))
            return reference_error(e, "truncated macro reference", text);
        return expand_reference(e, body, text);
    }
    struct str name = take_name(rest);
    if (name.len == 0)
        return reference_error(e, "empty macro name", text);
    return add_value(e, name);
}

bool expand_text(const struct expand_names *names, struct str text, unsigned depth, struct buf *out,
                 struct buf *error)
{
    struct expansion e = { names, depth, out, error };
    struct str rest = text;

    if (depth > EXPAND_DEPTH_MAX)
        return reference_error(&e, "unreasonable macro call nesting", text);
    for (;;) {
        size_t dollar = str_find(rest, '$');
        buf_add(out, str_sub(rest, 0, dollar));
        if (dollar == STR_NOT_FOUND)
            break;
        rest = str_skip(rest, dollar + 1);
        if (!expand_dollar(&e, text, &rest))
            return false;
    }
    return out->full ? reference_error(&e, "value too long", str_sub(text, 0, 100)) : true;
}

void expand_each_name(struct str text, void (*found)(void *context, struct str name), void *context)
{
    for (size_t at; (at = str_find(text, '$')) != STR_NOT_FOUND;) {
        text = str_skip(text, at + 1);
        if (starts_with(text, '$')) {
            text = str_skip(text, 1);
            continue;
        }
        if (starts_with(text, '{') || starts_with(text, '('))
            text = skip_blanks(str_skip(text, 1));
        struct str name = take_name(&text);
        if (name.len && !starts_with(text, '{'))
            found(context, name);
    }
}
