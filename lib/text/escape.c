#include "text/escape.h"

static const char letters[] = "abfnrtv";
static const char values[] = "\a\b\f\n\r\t\v";

static bool is_octal(char c) { return c >= '0' && c <= '7'; }

static size_t decode_octal(struct str text, size_t at, struct buf *out)
{
    unsigned value = 0;
    size_t n = 0;

    while (n < 3 && at + n < text.len && is_octal(text.ptr[at + n]))
        value = value * 8 + (unsigned)(text.ptr[at + n++] - '0');
    buf_addc(out, (char)value);
    return n;
}

void escape_decode(struct str text, struct buf *out)
{
    size_t i = 0;

    while (i < text.len) {
        if (text.ptr[i] != '\\' || i + 1 == text.len) {
            buf_addc(out, text.ptr[i++]);
            continue;
        }
        char c = text.ptr[++i];
        const char *letter = memchr(letters, c, sizeof letters - 1);
        if (is_octal(c)) {
            i += decode_octal(text, i, out);
            continue;
        }
        buf_addc(out, (char)(letter ? values[letter - letters] : c));
        i++;
    }
}

static void encode_byte(char c, struct buf *out)
{
    const char *value = c ? memchr(values, c, sizeof values - 1) : NULL;

    if (c == '\\')
        buf_add(out, STR("\\\\"));
    else if (value)
        buf_join(out, STR("\\"), (struct str){ &letters[value - values], 1 });
    else if (char_is_control(c) || (unsigned char)c > 0x7e)
        buf_addf(out, "\\%03o", (unsigned char)c);
    else
        buf_addc(out, c);
}

void escape_encode(struct str text, size_t max, struct buf *out)
{
    size_t start = out->len;

    for (size_t i = 0; i < text.len && out->len - start < max; i++)
        encode_byte(text.ptr[i], out);
    buf_truncate(out, MIN(out->len, start + max));
}
