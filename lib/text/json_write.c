#include "text/json_write.h"

#include "base/utf8.h"

static bool add_short_escape(struct buf *out, char c)
{
    static const char from[] = "\"\\\b\f\n\r\t", to[] = "\"\\bfnrt";
    const char *at = c ? strchr(from, c) : NULL;

    if (at == NULL)
        return false;
    buf_addc(out, '\\');
    buf_addc(out, to[at - from]);
    return true;
}

void json_add_string(struct buf *out, struct str text)
{
    bool utf8 = utf8_is_valid(text);

    buf_addc(out, '"');
    for (size_t i = 0; i < text.len; i++) {
        unsigned char c = (unsigned char)text.ptr[i];
        if (add_short_escape(out, text.ptr[i]))
            continue;
        if (c < ' ' || c == 127 || (c > 127 && !utf8))
            buf_addf(out, "\\u%04X", c);
        else
            buf_addc(out, text.ptr[i]);
    }
    buf_addc(out, '"');
}

void json_add_member(struct buf *out, const char *name, struct str value)
{
    buf_join(out, STR("\""), str_from(name), STR("\": "));
    json_add_string(out, value);
}
