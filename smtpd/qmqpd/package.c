#include "smtpd/qmqpd/package.h"

#define LENGTH_DIGITS_MAX 10

enum netstring_head netstring_take_head(struct str *in, size_t limit, size_t *length)
{
    size_t value = 0, i = 0;

    for (; i < in->len && char_is_digit(in->ptr[i]); i++) {
        if (i >= LENGTH_DIGITS_MAX)
            return NETSTRING_BAD;
        value = value * 10 + (size_t)(in->ptr[i] - '0');
    }
    if (i == in->len)
        return i > LENGTH_DIGITS_MAX ? NETSTRING_BAD : NETSTRING_MORE;
    if (in->ptr[i] != ':' || i == 0 || value > limit)
        return NETSTRING_BAD;
    *in = str_skip(*in, i + 1);
    *length = value;
    return NETSTRING_OK;
}

bool netstring_take(struct str *in, struct str *content)
{
    struct str rest = *in;
    size_t length;

    if (netstring_take_head(&rest, in->len, &length) != NETSTRING_OK || rest.len <= length ||
        rest.ptr[length] != ',')
        return false;
    *content = str_sub(rest, 0, length);
    *in = str_skip(rest, length + 1);
    return true;
}

bool qmqp_package_parse(struct str content, struct qmqp_package *out)
{
    struct str check, recipient;

    if (!netstring_take(&content, &out->message) || !netstring_take(&content, &out->sender) ||
        content.len == 0)
        return false;
    out->recipients = check = content;
    while (check.len)
        if (!netstring_take(&check, &recipient))
            return false;
    return true;
}

bool qmqp_package_fits(const struct qmqp_package *p, size_t limit)
{
    struct str rest = p->recipients, recipient;
    bool fits = p->sender.len <= limit;

    while (fits && netstring_take(&rest, &recipient))
        fits = recipient.len <= limit;
    return fits;
}
