#include "milter/payload.h"

void milter_put_word(struct buf *out, uint32_t value)
{
    for (int shift = 24; shift >= 0; shift -= 8)
        buf_addc(out, (char)(value >> shift));
}

void milter_put_string(struct buf *out, struct str s)
{
    buf_add(out, str_cut(&s, '\0'));
    buf_addc(out, '\0');
}

void milter_put_connect(struct buf *out, struct str host, char family, int port, struct str address)
{
    milter_put_string(out, host);
    buf_addc(out, family);
    if (family == 'U')
        return;
    buf_addc(out, (char)(port >> 8));
    buf_addc(out, (char)port);
    milter_put_string(out, address);
}

bool milter_take_word(struct str *in, uint32_t *value)
{
    uint32_t word = 0;

    if (in->len < 4)
        return false;
    for (size_t i = 0; i < 4; i++)
        word = word << 8 | (unsigned char)in->ptr[i];
    *value = word;
    *in = str_skip(*in, 4);
    return true;
}

bool milter_take_string(struct str *in, struct str *s)
{
    if (!str_has(*in, '\0'))
        return false;
    *s = str_cut(in, '\0');
    return true;
}
