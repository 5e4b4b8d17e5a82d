#include "text/address.h"

/* Address lists in two steps: words and specials (a token each), then entries. */

enum token_kind { TOKEN_ATOM, TOKEN_QUOTED, TOKEN_LITERAL, TOKEN_COMMENT, TOKEN_SPECIAL };

struct token {
    enum token_kind kind;
    struct str raw;  /* as written */
    struct str text; /* without quotes and backslashes */
    bool space;      /* white space in front */
};

struct tokens {
    struct arena *arena;
    struct token *at;
    size_t count, size;
};

static const char specials[] = "<>@,;:.";

static bool is_special(char c) { return c != '\0' && strchr(specials, c) != NULL; }

static void add_token(struct tokens *t, struct token token)
{
    if (t->count == t->size) {
        size_t size = t->size ? 2 * t->size : 16;
        struct token *more = arena_alloc(t->arena, size * sizeof *more);
        if (t->count)
            memcpy(more, t->at, t->count * sizeof *more);
        t->at = more;
        t->size = size;
    }
    t->at[t->count++] = token;
}

/* Length of `"..."` at the start of `s`; all of it if the end is missing. */
static size_t quoted_length(struct str s)
{
    for (size_t i = 1; i < s.len; i++) {
        if (s.ptr[i] == '\\')
            i++;
        else if (s.ptr[i] == '"')
            return i + 1;
    }
    return s.len;
}

static size_t atom_length(struct str s)
{
    size_t n = 1;

    n -= s.ptr[0] == '\\'; /* it and what follows, whatever it is */
    while (n < s.len && !char_is_space(s.ptr[n]) && !is_special(s.ptr[n]) &&
           strchr("\"([", s.ptr[n]) == NULL)
        n += s.ptr[n] == '\\' ? 2 : 1;
    return MIN(n, s.len);
}

/* The inside of a quoted string, which may lack its last quote. */
static struct str unescape(struct arena *a, struct str raw)
{
    struct str inside = str_skip(raw, 1);
    char *copy = arena_alloc(a, raw.len + 1);
    size_t n = 0;

    for (size_t i = 0; i < inside.len && inside.ptr[i] != '"'; i++) {
        if (inside.ptr[i] == '\\' && i + 1 < inside.len)
            i++;
        copy[n++] = inside.ptr[i];
    }
    return (struct str){ copy, n };
}

static struct token scan_token(struct arena *a, struct str s)
{
    size_t n;

    switch (s.ptr[0]) {
    case '"':
        n = quoted_length(s);
        return (struct token){ TOKEN_QUOTED, str_sub(s, 0, n), unescape(a, str_sub(s, 0, n)),
                               false };
    case '(':
        n = address_comment_length(s);
        n = n ? n : s.len;
        return (struct token){ TOKEN_COMMENT, str_sub(s, 0, n), STR(""), false };
    case '[':
        n = MIN(str_find(s, ']'), s.len - 1) + 1;
        return (struct token){ TOKEN_LITERAL, str_sub(s, 0, n), str_sub(s, 0, n), false };
    default:
        n = is_special(s.ptr[0]) ? 1 : atom_length(s);
        return (struct token){ is_special(s.ptr[0]) ? TOKEN_SPECIAL : TOKEN_ATOM, str_sub(s, 0, n),
                               str_sub(s, 0, n), false };
    }
}

/* False if there are more than `limit`. */
static bool scan(struct tokens *t, struct str s, size_t limit)
{
    bool space = false;

    while (s.len) {
        if (char_is_space(s.ptr[0])) {
            space = true;
            s = str_skip(s, 1);
            continue;
        }
        if (t->count == limit)
            return false;
        struct token token = scan_token(t->arena, s);
        token.space = space;
        add_token(t, token);
        s = str_skip(s, token.raw.len);
        space = false;
    }
    return true;
}

/* ---- entries ---- */

struct parser {
    struct tokens tokens;
    size_t pos;
    struct address_list *out;
    size_t size; /* room in out->items */
};

static bool is(const struct token *t, char special)
{
    return t->kind == TOKEN_SPECIAL && t->raw.ptr[0] == special;
}

static void add_item(struct parser *p, struct address_item item)
{
    struct address_list *list = p->out;

    if (list->count == p->size) {
        size_t size = p->size ? 2 * p->size : 4;
        struct address_item *more = arena_alloc(p->tokens.arena, size * sizeof *more);
        if (list->count)
            memcpy(more, list->items, list->count * sizeof *more);
        list->items = more;
        p->size = size;
    }
    list->items[list->count++] = item;
}

/* Tokens [from, to) as text with one blank where white space was.  `comments`: -1 without, 1 only,
 * 0 all. */
static struct str join(struct parser *p, size_t from, size_t to, bool raw, int comments)
{
    size_t size = 0, n = 0;
    const struct token *t = p->tokens.at;

    for (size_t i = from; i < to; i++)
        size += t[i].raw.len + 1;
    if (size == 0)
        return STR("");
    char *copy = arena_alloc(p->tokens.arena, size);
    for (size_t i = from; i < to; i++) {
        bool comment = t[i].kind == TOKEN_COMMENT;
        if (comments && comment != (comments > 0))
            continue;
        struct str part = raw ? t[i].raw : t[i].text;
        bool dot = is(&t[i], '.') || (i > from && is(&t[i - 1], '.'));
        if (n && ((t[i].space && !dot) || comment || (i > from && t[i - 1].kind == TOKEN_COMMENT)))
            copy[n++] = ' ';
        if (part.len)
            memcpy(copy + n, part.ptr, part.len);
        n += part.len;
    }
    return (struct str){ copy, n };
}

static bool has_domain(const struct token *t, size_t from, size_t to)
{
    for (size_t i = from; i < to; i++)
        if (is(&t[i], '@'))
            return true;
    return false;
}

/* The text of a token.  A backslash outside of quotes makes the next byte plain, but in front of a
 * bare local part it means something to local delivery (`\user`) and stays. */
static size_t add_text(const struct token *t, char *to, bool keep_backslash)
{
    size_t n = 0;

    for (size_t i = 0; i < t->text.len; i++) {
        if (t->kind == TOKEN_ATOM && t->text.ptr[i] == '\\' && i + 1 < t->text.len) {
            if (keep_backslash && i == 0)
                to[n++] = '\\';
            i++;
        }
        to[n++] = t->text.ptr[i];
    }
    return n;
}

/* Internal form: blanks around dots and @ vanish. */
static struct str join_address(struct parser *p, size_t from, size_t to)
{
    size_t size = 0, n = 0;
    bool glue = true;
    const struct token *t = p->tokens.at;
    bool is_local = !has_domain(t, from, to);

    for (size_t i = from; i < to; i++)
        size += t[i].raw.len + 1;
    if (size == 0)
        return STR("");
    char *copy = arena_alloc(p->tokens.arena, size);
    for (size_t i = from; i < to; i++) {
        if (t[i].kind == TOKEN_COMMENT)
            continue;
        bool special = t[i].kind == TOKEN_SPECIAL;
        if (t[i].space && !glue && !special)
            copy[n++] = ' ';
        n += add_text(&t[i], copy + n, n == 0 && is_local);
        glue = special;
    }
    return (struct str){ copy, n };
}

static bool is_quoted(const struct parser *p, size_t from, size_t to)
{
    return from + 1 == to && p->tokens.at[from].kind == TOKEN_QUOTED;
}

/* A colon ends the name of a group unless a word follows at once: `a:b@c` is an
 * address. */
static bool is_stop(const struct parser *p, size_t i, const char *set)
{
    const struct token *t = &p->tokens.at[i];

    if (t->kind != TOKEN_SPECIAL || strchr(set, t->raw.ptr[0]) == NULL)
        return false;
    return t->raw.ptr[0] != ':' || i + 1 == p->tokens.count || t[1].space ||
           t[1].kind == TOKEN_COMMENT || is(&t[1], ';') || is(&t[1], '<');
}

/* First token from `from` on that is one of the specials `set`; the count if there is none. */
static size_t find_special(const struct parser *p, size_t from, const char *set)
{
    while (from < p->tokens.count && !is_stop(p, from, set))
        from++;
    return from;
}

static size_t skip_comments(const struct parser *p, size_t from)
{
    while (from < p->tokens.count && p->tokens.at[from].kind == TOKEN_COMMENT)
        from++;
    return from;
}

/* `name <address> (comment)`; `lt` is the `<`. */
static void take_angle(struct parser *p, size_t lt)
{
    size_t gt = find_special(p, lt + 1, "<>;");
    size_t end = gt < p->tokens.count && is(&p->tokens.at[gt], '>') ? gt + 1 : gt;
    size_t behind = skip_comments(p, end);
    struct str inner = join(p, lt + 1, gt, true, 1);
    struct str after = join(p, end, behind, true, 0);

    if (inner.len && after.len == 0)
        after = inner;
    add_item(p, (struct address_item){ .kind = ADDRESS_MAILBOX,
                                       .before = join(p, p->pos, lt, true, 0),
                                       .address = join_address(p, lt + 1, gt),
                                       .after = after,
                                       .angle = true,
                                       .quoted = is_quoted(p, lt + 1, gt) });
    p->pos = behind;
}

/* Do these neighbours belong to one address? */
static bool is_joined(const struct token *left, const struct token *right)
{
    return !right->space || left->kind == TOKEN_SPECIAL || right->kind == TOKEN_SPECIAL;
}

/* End of the bare address that starts at `from`: up to `end`, a comment, or a gap between two
 * words. */
static size_t bare_end(const struct parser *p, size_t from, size_t end)
{
    const struct token *t = p->tokens.at;
    size_t last = from;

    for (size_t i = from + 1; i < end; i++) {
        if (t[i].kind == TOKEN_COMMENT)
            continue;
        bool joined = last + 1 == i ? is_joined(&t[last], &t[i])
                                    : t[last].kind == TOKEN_SPECIAL || t[i].kind == TOKEN_SPECIAL;
        if (!joined)
            break;
        last = i;
    }
    return last + 1;
}

/* Bare addresses up to `end`; a missing comma is supplied where two words meet. */
static void take_bare(struct parser *p, size_t end)
{
    while (p->pos < end) {
        size_t start = MIN(skip_comments(p, p->pos), end);
        if (start == end) { /* nothing but a comment */
            add_item(p, (struct address_item){ .kind = ADDRESS_MAILBOX,
                                               .before = join(p, p->pos, end, true, 0) });
            p->pos = end;
            return;
        }
        size_t stop = bare_end(p, start, end);
        size_t behind = MIN(skip_comments(p, stop), end);
        add_item(p, (struct address_item){ .kind = ADDRESS_MAILBOX,
                                           .address = join_address(p, start, stop),
                                           .after = join(p, p->pos, behind, true, 1),
                                           .quoted = is_quoted(p, start, stop) });
        p->pos = behind;
    }
}

/* `:include:/path` is a name of its own in alias lists. */
static bool is_include(const struct parser *p)
{
    const struct token *t = &p->tokens.at[p->pos];

    return p->tokens.count - p->pos >= 3 && is(&t[0], ':') &&
           str_equal_nocase(t[1].raw, STR("include")) && is(&t[2], ':');
}

static void take_entry(struct parser *p)
{
    const struct token *t = &p->tokens.at[p->pos];

    if (is(t, ',') || is(t, '>')) {
        p->pos++;
        return;
    }
    if (is(t, ';')) {
        add_item(p, (struct address_item){ .kind = ADDRESS_GROUP_END });
        p->pos++;
        return;
    }
    if (is_include(p)) {
        size_t end = find_special(p, p->pos, ",");
        add_item(p, (struct address_item){ .kind = ADDRESS_MAILBOX,
                                           .address = join(p, p->pos, end, false, -1) });
        p->pos = end;
        return;
    }
    /* A route without brackets begins with @ and has a colon that ends no group's name. */
    size_t stop = find_special(p, p->pos, is(t, '@') ? "<,;" : "<,;:>");
    if (stop < p->tokens.count && is(&p->tokens.at[stop], '<')) {
        take_angle(p, stop);
    } else if (stop < p->tokens.count && is(&p->tokens.at[stop], ':')) {
        add_item(p, (struct address_item){ .kind = ADDRESS_GROUP_START,
                                           .before = join(p, p->pos, stop, true, 0) });
        p->pos = stop + 1;
    } else {
        take_bare(p, stop);
    }
}

/* Line breaks and NULs have no place in an address: blanks. */
static struct str one_line(struct arena *a, struct str text)
{
    char *copy = arena_alloc(a, text.len + 1);

    for (size_t i = 0; i < text.len; i++) {
        copy[i] = text.ptr[i];
        if (copy[i] == '\r' || copy[i] == '\n' || copy[i] == '\0')
            copy[i] = ' ';
    }
    return (struct str){ copy, text.len };
}

void address_list_parse(struct arena *a, struct str text, size_t token_limit,
                        struct address_list *out)
{
    struct parser p = { .tokens = { .arena = a }, .out = out };

    *out = (struct address_list){ .items = NULL };
    out->truncated = !scan(&p.tokens, one_line(a, text), token_limit);
    while (p.pos < p.tokens.count)
        take_entry(&p);
}

/* ---- back to text ---- */

static void format_item(const struct address_item *item, struct buf *out)
{
    if (item->kind == ADDRESS_GROUP_END) {
        buf_add(out, STR(";"));
        return;
    }
    buf_add(out, item->before);
    if (item->kind == ADDRESS_GROUP_START) {
        buf_add(out, STR(":"));
        return;
    }
    if (item->before.len && (item->angle || item->address.len))
        buf_addc(out, ' ');
    if (item->angle)
        buf_addc(out, '<');
    address_quote(item->address, out);
    if (item->angle)
        buf_addc(out, '>');
    if (item->after.len)
        buf_join(out, item->angle ? STR("") : STR(" "), item->after);
}

/* What stands between two entries besides white space. */
static struct str separator(const struct address_item *left, const struct address_item *right)
{
    bool comma = left->kind != ADDRESS_GROUP_START && right->kind != ADDRESS_GROUP_END;

    return comma ? STR(",") : STR("");
}

/* The name of a group and its first member stay on one line. */
static size_t unbroken_length(const struct address_list *list, size_t i, size_t own)
{
    BUF_AUTO(next, 0);

    if (list->items[i].kind != ADDRESS_GROUP_START || i + 1 >= list->count)
        return own;
    format_item(&list->items[i + 1], &next);
    return own + 1 + next.len;
}

void address_list_format(const struct address_list *list, size_t used, size_t fold, struct buf *out)
{
    BUF_AUTO(text, 0);
    size_t column = used;

    for (size_t i = 0; i < list->count; i++) {
        const struct address_item *item = &list->items[i];
        struct str comma = i ? separator(item - 1, item) : STR("");
        buf_clear(&text);
        format_item(item, &text);
        buf_add(out, comma);
        column += comma.len;
        if (i && fold && comma.len && column + 1 + unbroken_length(list, i, text.len) > fold) {
            buf_add(out, STR("\n\t"));
            column = 1;
        } else if (i && (item->kind != ADDRESS_GROUP_END || item[-1].kind == ADDRESS_GROUP_START)) {
            buf_addc(out, ' ');
            column++;
        }
        buf_add(out, buf_str(&text));
        column += text.len;
    }
}
