#include "base/base64.h"

static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

void base64_encode(struct buf *out, struct str bytes)
{
    for (size_t i = 0; i < bytes.len; i += 3) {
        size_t have = MIN(bytes.len - i, (size_t)3);
        uint32_t group = 0;
        for (size_t k = 0; k < 3; k++)
            group = group << 8 | (k < have ? (unsigned char)bytes.ptr[i + k] : 0);
        char quad[4] = { digits[group >> 18], digits[group >> 12 & 63], digits[group >> 6 & 63],
                         digits[group & 63] };
        for (size_t k = have + 1; k < 4; k++)
            quad[k] = '=';
        buf_add(out, (struct str){ quad, 4 });
    }
}

static int digit_value(char c)
{
    const char *at = c ? strchr(digits, c) : NULL;

    return at ? (int)(at - digits) : -1;
}

bool base64_decode(struct buf *out, struct str text)
{
    if (text.len % 4)
        return false;
    for (size_t i = 0; i < text.len; i += 4) {
        size_t pad = 0;
        uint32_t group = 0;
        if (i + 4 == text.len)
            pad = text.ptr[i + 3] != '=' ? 0 : text.ptr[i + 2] == '=' ? 2 : 1;
        for (size_t k = 0; k < 4; k++) {
            int value = k >= 4 - pad ? 0 : digit_value(text.ptr[i + k]);
            if (value < 0)
                return false;
            group = group << 6 | (uint32_t)value;
        }
        char bytes[3] = { (char)(group >> 16), (char)(group >> 8), (char)group };
        buf_add(out, (struct str){ bytes, 3 - pad });
    }
    return true;
}
