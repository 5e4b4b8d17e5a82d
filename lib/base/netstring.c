#include "base/netstring.h"

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
        return NETSTRING_MORE;
    if (in->ptr[i] != ':' || i == 0)
        return NETSTRING_BAD;
    if (value > limit)
        return NETSTRING_LONG;
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

void netstring_put(struct buf *out, struct str content)
{
    buf_add_int(out, (int64_t)content.len);
    buf_join(out, STR(":"), content, STR(","));
}
