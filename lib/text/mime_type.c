/* Content-Type and Content-Transfer-Encoding. */
#include "text/mime_state.h"

/* White space and comments. */
static void skip_filling(struct str *s)
{
    size_t depth = 0;

    while (s->len) {
        char c = s->ptr[0];
        if (c == '(') {
            depth++;
        } else if (depth && c == ')') {
            depth--;
        } else if (depth && c == '\\' && s->len > 1) {
            *s = str_skip(*s, 1);
        } else if (depth == 0 && !char_is_space(c)) {
            return;
        }
        *s = str_skip(*s, 1);
    }
}

static bool is_token_byte(char c)
{
    return (unsigned char)c > ' ' && c != 0x7f && strchr("()<>@,;:\\\"/[]?=", c) == NULL;
}

/* A token from the front; empty if there is none. */
static struct str cut_token(struct str *s)
{
    size_t n = 0;

    skip_filling(s);
    while (n < s->len && is_token_byte(s->ptr[n]))
        n++;
    struct str token = str_sub(*s, 0, n);
    *s = str_skip(*s, n);
    return token;
}

static bool skip_byte(struct str *s, char c)
{
    skip_filling(s);
    if (s->len == 0 || s->ptr[0] != c)
        return false;
    *s = str_skip(*s, 1);
    return true;
}

/* The inside of a quoted string, unescaped, as far as `out` has room. */
static void cut_quoted(struct str *s, struct buf *out)
{
    size_t i = 1;

    for (; i < s->len && s->ptr[i] != '"'; i++) {
        if (s->ptr[i] == '\\' && i + 1 < s->len)
            i++;
        if (s->ptr[i] != '\n' && s->ptr[i] != '\r')
            buf_addc(out, s->ptr[i]);
    }
    *s = str_skip(*s, i + 1);
}

/* Values may have bytes that only quoted ones should have: mailers forget the quotes. */
static struct str cut_bare_value(struct str *s)
{
    size_t n = 0;

    while (n < s->len && !char_is_space(s->ptr[n]) && s->ptr[n] != ';' && s->ptr[n] != '(')
        n++;
    struct str value = str_sub(*s, 0, n);
    *s = str_skip(*s, n);
    return value;
}

static void parse_param(struct str *rest, size_t limit, struct buf *boundary)
{
    struct str name = cut_token(rest);
    bool wanted = str_equal_nocase(name, STR("boundary")) && boundary->len == 0;
    struct buf value = BUF_INIT(limit);

    if (skip_byte(rest, '=')) {
        skip_filling(rest);
        if (rest->len && rest->ptr[0] == '"')
            cut_quoted(rest, &value);
        else
            buf_add(&value, cut_bare_value(rest));
    }
    if (wanted) {
        buf_free(boundary);
        *boundary = value;
    } else {
        buf_free(&value);
    }
}

static void parse_params(struct str rest, size_t limit, struct buf *boundary)
{
    while (rest.len) {
        size_t semicolon = str_find(rest, ';');
        if (semicolon == STR_NOT_FOUND)
            return;
        if (!skip_byte(&rest, ';')) {
            rest = str_skip(rest, semicolon);
            continue;
        }
        parse_param(&rest, limit, boundary);
    }
}

static enum mime_type message_type(struct str subtype, bool recurse_all)
{
    if (str_equal_nocase(subtype, STR("rfc822")) || str_equal_nocase(subtype, STR("global")))
        return MIME_TYPE_MESSAGE;
    if (recurse_all && (str_equal_nocase(subtype, STR("partial")) ||
                        str_equal_nocase(subtype, STR("external-body"))))
        return MIME_TYPE_MESSAGE;
    return MIME_TYPE_OPAQUE;
}

void mime_type_parse(struct str value, bool recurse_all, size_t limit,
                     struct mime_content_type *out)
{
    struct str type = cut_token(&value), subtype = STR("");

    if (skip_byte(&value, '/'))
        subtype = cut_token(&value);
    buf_clear(&out->boundary);
    out->digest = false;
    out->type = MIME_TYPE_LEAF;
    if (str_equal_nocase(type, STR("multipart"))) {
        parse_params(value, limit, &out->boundary);
        while (out->boundary.len && char_is_space(out->boundary.ptr[out->boundary.len - 1]))
            out->boundary.len--;
        out->type = MIME_TYPE_MULTIPART;
        out->digest = str_equal_nocase(subtype, STR("digest"));
    } else if (str_equal_nocase(type, STR("message"))) {
        out->type = message_type(subtype, recurse_all);
    }
}

enum mime_encoding mime_encoding_parse(struct str value)
{
    struct str word = cut_token(&value);

    if (str_equal_nocase(word, STR("8bit")) || str_equal_nocase(word, STR("binary")))
        return MIME_ENCODING_8BIT;
    if (str_equal_nocase(word, STR("quoted-printable")))
        return MIME_ENCODING_QUOTED_PRINTABLE;
    if (str_equal_nocase(word, STR("base64")))
        return MIME_ENCODING_BASE64;
    return MIME_ENCODING_7BIT;
}
