#include "table/alias_line.h"

/* RFC 822 tokens, as far as the layout of an alias list depends on them. */
enum token_kind {
    TOKEN_ATOM,
    TOKEN_QUOTED,
    TOKEN_LITERAL,
    TOKEN_COMMENT,
    TOKEN_OPERATOR,
    TOKEN_END
};

struct token {
    enum token_kind kind;
    struct str text; /* as written, with quotes, brackets or parentheses */
    bool escaped;    /* an atom with a backslash in it */
};

#define OPERATORS "<>@,;:.%!|"

static bool starts_word(char c) { return !char_is_space(c) && strchr("\"[(" OPERATORS, c) == NULL; }

/* Where the token that begins with `open` ends; nested for comments.  A missing end is the end of
 * the line. */
static size_t closing(struct str s, char open, char close)
{
    size_t depth = 0;

    for (size_t i = 0; i < s.len; i++) {
        if (s.ptr[i] == '\\' && i + 1 < s.len)
            i++;
        else if (i > 0 && s.ptr[i] == close && --depth == 0)
            return i + 1;
        else if (s.ptr[i] == open && (i == 0 || open == '('))
            depth++;
    }
    return s.len;
}

static size_t atom_length(struct str s, bool *escaped)
{
    size_t i = 0;

    while (i < s.len && starts_word(s.ptr[i])) {
        if (s.ptr[i] == '\\') {
            *escaped = true;
            i++;
        }
        i++;
    }
    return MIN(i, s.len);
}

static struct token next_token(struct str *s)
{
    struct token t = { .kind = TOKEN_END };
    size_t length = 1;

    while (s->len && char_is_space(s->ptr[0]))
        *s = str_skip(*s, 1);
    if (s->len == 0)
        return t;
    switch (s->ptr[0]) {
    case '"':
        t.kind = TOKEN_QUOTED;
        length = closing(*s, '"', '"');
        break;
    case '[':
        t.kind = TOKEN_LITERAL;
        length = closing(*s, '[', ']');
        break;
    case '(':
        t.kind = TOKEN_COMMENT;
        length = closing(*s, '(', ')');
        break;
    default:
        t.kind = starts_word(s->ptr[0]) ? TOKEN_ATOM : TOKEN_OPERATOR;
        if (t.kind == TOKEN_ATOM)
            length = atom_length(*s, &t.escaped);
    }
    t.text = str_sub(*s, 0, length);
    *s = str_skip(*s, length);
    return t;
}

/* One at the very end, with nothing to protect, is dropped. */
static void add_without_backslashes(struct buf *out, struct str s)
{
    for (size_t i = 0; i < s.len; i++) {
        if (s.ptr[i] == '\\' && ++i == s.len)
            break;
        buf_addc(out, s.ptr[i]);
    }
}

/* The inside of a quoted string, whether or not its end is missing. */
static struct str inside_quotes(struct str s)
{
    struct str inside = str_skip(s, 1);
    bool closed = inside.len && inside.ptr[inside.len - 1] == '"';

    for (size_t i = 0; closed && i < inside.len; i++) {
        if (inside.ptr[i] == '\\' && ++i == inside.len - 1)
            closed = false; /* that quote is an ordinary byte */
    }
    return closed ? str_sub(inside, 0, inside.len - 1) : inside;
}

static bool has_special(struct str s)
{
    for (size_t i = 0; i < s.len; i++)
        if (!starts_word(s.ptr[i]) || strchr(")]\\", s.ptr[i]))
            return true;
    return false;
}

/* In quotes, with a backslash before the bytes that need one. */
static void add_quoted(struct buf *out, struct str plain)
{
    buf_addc(out, '"');
    for (size_t i = 0; i < plain.len; i++) {
        if (plain.ptr[i] == '"' || plain.ptr[i] == '\\')
            buf_addc(out, '\\');
        buf_addc(out, plain.ptr[i]);
    }
    buf_addc(out, '"');
}

/* An escaped byte keeps its meaning: where it is special, the atom becomes a quoted string. */
static void add_escaped_atom(struct buf *out, struct str plain)
{
    if (has_special(plain))
        add_quoted(out, plain);
    else
        buf_add(out, plain);
}

static bool is_word(const struct token *t) { return t->kind < TOKEN_OPERATOR; }
static bool is_operator(const struct token *t, char c)
{
    return t->kind == TOKEN_OPERATOR && t->text.ptr[0] == c;
}

/* One blank between words and before an address in angles; a comma brings its own. */
static bool needs_blank(const struct token *before, const struct token *t)
{
    if (before->kind == TOKEN_END || is_operator(before, ','))
        return false;
    return (is_word(before) && is_word(t)) || is_operator(t, '<');
}

/* `external`: keep quotes (for the value), or drop them (for the name). */
static void add_token(struct buf *out, const struct token *t, bool external)
{
    BUF_AUTO(plain, 0);

    if (t->kind == TOKEN_QUOTED)
        add_without_backslashes(&plain, inside_quotes(t->text));
    else if (t->escaped)
        add_without_backslashes(&plain, t->text);
    else
        buf_add(&plain, t->text);
    if (external && t->kind == TOKEN_QUOTED)
        add_quoted(out, buf_str(&plain));
    else if (external && t->escaped)
        add_escaped_atom(out, buf_str(&plain));
    else
        buf_add(out, buf_str(&plain));
    if (external && is_operator(t, ','))
        buf_addc(out, ' ');
}

/* The tokens up to the colon.  False: there is no colon, nothing before it, or a comma. */
static bool parse_name(struct str *line, struct buf *name, bool *local)
{
    struct token before = { .kind = TOKEN_END };

    for (;;) {
        struct token t = next_token(line);
        if (t.kind == TOKEN_END || is_operator(&t, ','))
            return false;
        if (is_operator(&t, ':'))
            return name->len > 0;
        if (is_operator(&t, '@') || is_operator(&t, '%'))
            *local = false;
        if (needs_blank(&before, &t))
            buf_addc(name, ' ');
        add_token(name, &t, false);
        before = t;
    }
}

static void format_value(struct str line, struct buf *value)
{
    struct token before = { .kind = TOKEN_END };

    for (struct token t = next_token(&line); t.kind != TOKEN_END; t = next_token(&line)) {
        if (str_equal(t.text, STR("\\")))
            continue; /* at the end, with nothing to protect */
        if (needs_blank(&before, &t))
            buf_addc(value, ' ');
        add_token(value, &t, true);
        before = t;
    }
}

enum alias_line alias_line_parse(struct str line, struct buf *name, struct buf *value)
{
    BUF_AUTO(parsed, 0);
    bool local = true;

    if (!parse_name(&line, &parsed, &local) || str_trim(line).len == 0)
        return ALIAS_LINE_NO_PAIR;
    if (!local)
        return ALIAS_LINE_NOT_LOCAL;
    format_value(line, value);
    if (value->len == 0)
        return ALIAS_LINE_NO_PAIR;
    buf_add(name, buf_str(&parsed));
    return ALIAS_LINE_OK;
}
