#include "ipc/attr.h"

#include "base/number.h"

static void put_cstring(struct buf *out, struct str s)
{
    size_t at = out->len;

    buf_add(out, s);
    for (size_t i = at; i < out->len; i++)
        if (out->ptr[i] == '\0')
            out->ptr[i] = '?';
    buf_addc(out, '\0');
}

void attr_put_str(struct buf *out, const char *name, struct str value)
{
    put_cstring(out, str_from(name));
    put_cstring(out, value);
}

void attr_put_int(struct buf *out, const char *name, int64_t value)
{
    put_cstring(out, str_from(name));
    buf_add_int(out, value);
    buf_addc(out, '\0');
}

void attr_put_end(struct buf *out) { buf_addc(out, '\0'); }

bool attr_take(struct str *in, struct str *name, struct str *value, bool *incomplete)
{
    struct str rest = *in;

    *incomplete = true;
    if (!str_has(rest, '\0'))
        return false;
    struct str first = str_cut(&rest, '\0');
    if (first.len == 0) {
        *incomplete = false;
        *in = rest;
        return false;
    }
    if (!str_has(rest, '\0'))
        return false;
    *incomplete = false;
    *name = first;
    *value = str_cut(&rest, '\0');
    *in = rest;
    return true;
}

size_t attr_list_length(struct str in)
{
    struct str rest = in, name, value;
    bool incomplete;

    while (attr_take(&rest, &name, &value, &incomplete))
        continue;
    return incomplete ? 0 : in.len - rest.len;
}
