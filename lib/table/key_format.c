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

/* False: the key lacks it. */
static bool put_part(const struct parts *p, char which, struct buf *out)
{
    struct str part = p->key;

    if (which == 'u')
        part = p->local;
    else if (which == 'd')
        part = p->domain;
    else if (char_is_digit(which) && !find_label(p->domain, which - '0', &part))
        return false;
    buf_add(out, part);
    return which == 's' || part.len > 0;
}

enum key_format_result key_format_expand(struct str format, struct str key, struct buf *out)
{
    struct parts p = take_apart(key);

    for (size_t i = 0; i < format.len; i++) {
        if (format.ptr[i] != '%') {
            buf_addc(out, format.ptr[i]);
            continue;
        }
        char which = (char)(++i < format.len ? char_lower(format.ptr[i]) : '\0');
        if (which == '%')
            buf_addc(out, '%');
        else if (which != 's' && which != 'u' && which != 'd' && !(which >= '1' && which <= '9'))
            return KEY_FORMAT_BAD;
        else if ((which == 'd' && p.local.len == 0) || !put_part(&p, which, out))
            return KEY_FORMAT_LACKS;
    }
    return KEY_FORMAT_OK;
}
