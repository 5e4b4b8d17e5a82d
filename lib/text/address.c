#include "text/address.h"

/* Bytes that RFC 5321 allows in an unquoted local part besides letters, digits and the dot; 8-bit
 * bytes are RFC 6531's. */
static bool is_atom_byte(char c)
{
    return char_is_alnum(c) || ((unsigned char)c & 0x80) ||
           (c != '\0' && strchr("!#$%&'*+-/=?^_`{|}~", c) != NULL);
}

static bool is_dot_string(struct str s)
{
    bool atom = false;

    for (size_t i = 0; i < s.len; i++) {
        if (s.ptr[i] != '.' && !is_atom_byte(s.ptr[i]))
            return false;
        if (s.ptr[i] == '.' && !atom)
            return false;
        atom = s.ptr[i] != '.';
    }
    return atom;
}

struct address_parts address_split(struct str internal)
{
    size_t at = str_rfind(internal, '@');

    if (at == STR_NOT_FOUND)
        return (struct address_parts){ internal, STR_NONE };
    return (struct address_parts){ str_sub(internal, 0, at), str_skip(internal, at + 1) };
}

bool address_needs_quote(struct str internal)
{
    return internal.len && !is_dot_string(address_split(internal).local);
}

static void add_quoted(struct str text, struct buf *out)
{
    buf_addc(out, '"');
    for (size_t i = 0; i < text.len; i++) {
        if (text.ptr[i] == '"' || text.ptr[i] == '\\')
            buf_addc(out, '\\');
        buf_addc(out, text.ptr[i]);
    }
    buf_addc(out, '"');
}

void address_quote(struct str internal, struct buf *external)
{
    struct address_parts parts = address_split(internal);

    if (!address_needs_quote(internal)) {
        buf_add(external, internal);
        return;
    }
    add_quoted(parts.local, external);
    if (parts.domain.ptr)
        buf_join(external, STR("@"), parts.domain);
}

void address_quote_phrase(struct str name, struct buf *out)
{
    for (size_t i = 0; i < name.len; i++) {
        if (!is_atom_byte(name.ptr[i]) && name.ptr[i] != ' ') {
            add_quoted(name, out);
            return;
        }
    }
    buf_add(out, name);
}

bool address_split_extension(const struct address_extension_rule *rule, struct str local,
                             struct str *base, char *delimiter, struct str *extension)
{
    static const struct str reserved[] = { STR("postmaster"), STR("mailer-daemon") };

    for (size_t i = 0; i < ARRAY_LEN(reserved); i++)
        if (str_equal_nocase(local, reserved[i]))
            return false;
    if (rule->double_bounce.len && str_equal_nocase(local, rule->double_bounce))
        return false;
    for (size_t i = 1; i < local.len; i++) {
        if (!str_has(rule->delimiters, local.ptr[i]))
            continue;
        if (local.ptr[i] == '-' && rule->owner_request_special &&
            (str_starts_nocase(local, STR("owner-")) || str_ends_nocase(local, STR("-request"))))
            return false;
        if (delimiter)
            *delimiter = local.ptr[i];
        *base = str_sub(local, 0, i);
        *extension = str_skip(local, i + 1);
        return true;
    }
    return false;
}

/* ---- external to internal ---- */

/* One pass over the external form.  `words` counts runs of text that nothing joins: two of them are
 * a name in front of `<`, or an error. */
struct unquoter {
    struct str in;
    struct buf *out;
    size_t start; /* where our text begins in `out` */
    bool gap;     /* white space or a comment since the last byte of text */
    bool two_words;
    bool in_angle, after_angle;
    bool decorated;   /* there was something besides the address */
    bool has_text;    /* words, be they empty */
    bool empty_local; /* `""@b` or `@b` */
};

static bool is_glue(char c) { return c == '.' || c == '@'; }

/* Text follows; it may or may not join what is there. */
static bool begin_text(struct unquoter *u, char next)
{
    if (u->after_angle)
        return false;
    if (u->gap && u->out->len > u->start && !is_glue(next) &&
        !is_glue(u->out->ptr[u->out->len - 1]))
        u->two_words = true;
    u->gap = false;
    u->has_text = true;
    return true;
}

/* `"..."` with its backslashes, from the front of `in`. */
static bool take_quoted(struct unquoter *u)
{
    if (!begin_text(u, '"'))
        return false;
    for (size_t i = 1; i < u->in.len; i++) {
        char c = u->in.ptr[i];
        if (c == '"') {
            u->empty_local |= i == 1;
            u->in = str_skip(u->in, i + 1);
            return true;
        }
        if (c == '\\' && ++i < u->in.len)
            c = u->in.ptr[i];
        if (c == '\0' || c == '\r' || c == '\n')
            return false;
        buf_addc(u->out, c);
    }
    return false;
}

size_t address_comment_length(struct str s)
{
    size_t depth = 0;

    for (size_t i = 0; i < s.len; i++) {
        if (s.ptr[i] == '\\')
            i++;
        else if (s.ptr[i] == '(')
            depth++;
        else if (s.ptr[i] == ')' && --depth == 0)
            return i + 1;
    }
    return 0;
}

static bool take_comment(struct unquoter *u)
{
    size_t n = address_comment_length(u->in);

    u->in = str_skip(u->in, n);
    u->gap = u->decorated = true;
    return n > 0;
}

/* `[...]`; the end of the text closes it too. */
static bool take_literal(struct unquoter *u)
{
    struct str literal = str_sub(u->in, 0, str_find(u->in, ']'));

    if (str_has(literal, '\0') || str_has(literal, '\r') || str_has(literal, '\n') ||
        !begin_text(u, '['))
        return false;
    buf_join(u->out, literal, STR("]"));
    u->in = str_skip(u->in, literal.len + 1);
    return true;
}

/* What came before was a name: forget it. */
static bool take_angle(struct unquoter *u)
{
    if (u->in_angle || u->after_angle)
        return false;
    buf_truncate(u->out, u->start);
    u->in_angle = u->decorated = true;
    u->gap = u->two_words = u->has_text = u->empty_local = false;
    u->in = str_skip(u->in, 1);
    return true;
}

static bool end_angle(struct unquoter *u)
{
    if (!u->in_angle)
        return false;
    u->in_angle = false;
    u->after_angle = true;
    u->in = str_skip(u->in, 1);
    return true;
}

/* Length of `@a,@[b]:` in front of the address, 0 if it is malformed. */
static size_t route_length(struct str s)
{
    bool literal = false;

    for (size_t i = 0; i < s.len; i++) {
        char c = s.ptr[i];
        if (c == ':' && !literal)
            return i + 1;
        if (c == '[' || c == ']')
            literal = c == '[';
        else if (!is_atom_byte(c) && strchr("@,.:", c) == NULL)
            return 0;
    }
    return 0;
}

/* Nobody goes that way any more. */
static bool take_route(struct unquoter *u)
{
    size_t n = route_length(u->in);

    u->in = str_skip(u->in, n);
    u->has_text = true;
    return n > 0 && !str_starts(u->in, STR("@"));
}

/* A backslash outside of quotes: the next byte stands for itself. */
static bool take_escaped(struct unquoter *u)
{
    if (u->in.len < 2 || strchr("\r\n", u->in.ptr[1]) != NULL || !begin_text(u, 'x'))
        return false;
    buf_addc(u->out, u->in.ptr[1]);
    u->in = str_skip(u->in, 2);
    return true;
}

static bool take_plain(struct unquoter *u)
{
    char c = u->in.ptr[0];

    if (c == '@' && u->out->len == u->start && !u->after_angle && !u->empty_local) {
        if (str_has(u->in, ':'))
            return take_route(u);
        u->empty_local = true;
    }
    if (c == '\0' || c == '\r' || c == '\n' || strchr(",;)]", c) != NULL || !begin_text(u, c))
        return false;
    buf_addc(u->out, c);
    u->in = str_skip(u->in, 1);
    return true;
}

static bool unquote_step(struct unquoter *u)
{
    switch (u->in.ptr[0]) {
    case '"':
        return take_quoted(u);
    case '(':
        return take_comment(u);
    case '[':
        return take_literal(u);
    case '\\':
        return take_escaped(u);
    case '<':
        return take_angle(u);
    case '>':
        return end_angle(u);
    case ' ':
    case '\t':
        u->gap = u->decorated = true;
        u->in = str_skip(u->in, 1);
        return true;
    default:
        return take_plain(u);
    }
}

/* A host name's or a literal's bytes; anything else could not be written as a domain again. */
static bool is_domain_text(struct str s)
{
    if (str_ends(s, STR("].")))
        s.len--;
    bool literal = s.len > 2 && s.ptr[0] == '[' && s.ptr[s.len - 1] == ']';
    struct str inside = literal ? str_sub(s, 1, s.len - 1) : s;

    for (size_t i = 0; i < inside.len; i++) {
        unsigned char c = (unsigned char)inside.ptr[i];
        if (c == '[' || c == ']' || c == '\0')
            return false;
        if (!literal && (c <= ' ' || c == 0x7f || strchr("()<>,;:\\\"", c) != NULL))
            return false;
    }
    return inside.len > 0;
}

static bool is_whole_address(struct str internal, bool empty_local)
{
    struct address_parts parts = address_split(internal);

    bool route_only = str_starts(parts.local, STR("@")) && str_ends(parts.local, STR(":"));

    return (parts.local.len > 0 || (empty_local && parts.domain.ptr)) && !route_only &&
           (parts.domain.ptr == NULL || is_domain_text(parts.domain));
}

/* The common case needs no state: letters, dots and one @. */
static bool is_simple(struct str s)
{
    struct address_parts parts = address_split(s);

    return is_dot_string(parts.local) && (parts.domain.ptr == NULL || is_dot_string(parts.domain));
}

static bool unquote(struct str external, struct buf *internal, bool *decorated)
{
    struct unquoter u = { .in = external, .out = internal, .start = internal->len };

    *decorated = false;
    if (external.len == 0)
        return true;
    if (is_simple(external)) {
        buf_add(internal, external);
        return !internal->full;
    }
    while (u.in.len) {
        if (!unquote_step(&u)) {
            buf_truncate(internal, u.start);
            return false;
        }
    }
    struct str result = str_skip(buf_str(internal), u.start);
    bool empty = result.len == 0 && (u.empty_local || (u.after_angle && !u.has_text));
    *decorated = u.decorated || (u.empty_local && !empty); /* RFC 5321 has no such mailbox */
    if (!u.two_words && !u.in_angle && !internal->full &&
        (empty || is_whole_address(result, u.empty_local)) && !str_has(external, '\0'))
        return true;
    buf_truncate(internal, u.start);
    return false;
}

bool address_unquote(struct str external, struct buf *internal)
{
    bool decorated;

    return unquote(external, internal, &decorated);
}

bool address_unquote_strict(struct str external, struct buf *internal)
{
    size_t start = internal->len;
    bool decorated;

    if (!unquote(external, internal, &decorated))
        return false;
    if (decorated)
        buf_truncate(internal, start);
    return !decorated;
}
