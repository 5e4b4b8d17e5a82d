#include "table/key_format.h"

struct parts {
    struct str key, local, domain; /* domain: absent without @ */
};

static struct parts take_apart(struct str key)
{
    size_t at = str_rfind(key, '@');

    if (at == STR_NOT_FOUND)
        return (struct parts){ key, key, STR_NONE };
    return (struct parts){ key, str_sub(key, 0, at), str_skip(key, at + 1) };
}

/* The n-th from the right; several dots are one.  False: there are not so many, or it is empty. */
static bool find_label(struct str domain, int n, struct str *label)
{
    while (n-- > 0) {
        if (domain.ptr == NULL)
            return false;
        size_t dot = str_rfind(domain, '.');
        *label = dot == STR_NOT_FOUND ? domain : str_skip(domain, dot + 1);
        domain = dot == STR_NOT_FOUND ? STR_NONE : str_sub(domain, 0, dot);
        while (domain.len && domain.ptr[domain.len - 1] == '.')
            domain.len--;
    }
    return label->len > 0;
}

/* The part that a letter or a digit stands for.  False: it is missing, or empty where it must not be. */
static bool find_part(const struct parts *p, char which, struct str *part)
{
    *part = p->key;
    if (which == 's')
        return true;
    if (which == 'u')
        *part = p->local;
    else if (which == 'd')
        *part = p->local.len ? p->domain : STR_NONE;
    else if (!find_label(p->domain, which - '0', part))
        return false;
    return part->len > 0;
}

static bool names_part(char which)
{
    return (which >= '1' && which <= '9') || (which && strchr("sud", char_lower(which)));
}

/* Cut `format` at its next %: the text before it is appended, `which` is what stands behind it, or 0 at the end. */
static bool next_part(struct str *format, char *which, struct buf *out)
{
    for (;;) {
        size_t percent = str_find(*format, '%');
        buf_add(out, str_sub(*format, 0, percent));
        *which = '\0';
        if (percent == STR_NOT_FOUND)
            return true;
        if (percent + 1 == format->len)
            return false;
        *which = format->ptr[percent + 1];
        *format = str_skip(*format, percent + 2);
        if (*which != '%')
            return names_part(*which);
        buf_addc(out, '%');
    }
}

bool key_format_is_good(struct str format)
{
    BUF_AUTO(ignored, 0);
    char which;

    do
        if (!next_part(&format, &which, &ignored))
            return false;
    while (which);
    return true;
}

bool key_format_has_parts(struct str format)
{
    BUF_AUTO(ignored, 0);
    char which;

    return next_part(&format, &which, &ignored) && which;
}

static bool add_part(struct str part, key_quote_fn *quote, void *context, struct buf *out)
{
    if (quote)
        return quote(context, part, out);
    buf_add(out, part);
    return true;
}

enum key_format_result key_format_expand_quoted(struct str format, struct str key,
                                                key_quote_fn *quote, void *context, struct buf *out)
{
    struct parts p = take_apart(key);
    struct str part;
    char which;

    for (;;) {
        if (!next_part(&format, &which, out))
            return KEY_FORMAT_BAD;
        if (which == '\0')
            return KEY_FORMAT_OK;
        if (!find_part(&p, char_lower(which), &part) || !add_part(part, quote, context, out))
            return KEY_FORMAT_LACKS;
    }
}

enum key_format_result key_format_expand(struct str format, struct str key, struct buf *out)
{
    return key_format_expand_quoted(format, key, NULL, NULL, out);
}

enum key_format_result key_format_expand_result(struct str format, struct str value, struct str key,
                                                struct buf *out)
{
    struct parts of_key = take_apart(key), of_value = take_apart(value);
    struct str part;
    char which;

    for (;;) {
        if (!next_part(&format, &which, out))
            return KEY_FORMAT_BAD;
        if (which == '\0')
            return KEY_FORMAT_OK;
        bool small = which >= 'a' && which <= 'z';
        if (!find_part(small ? &of_value : &of_key, char_lower(which), &part))
            return KEY_FORMAT_LACKS;
        buf_add(out, part);
    }
}
