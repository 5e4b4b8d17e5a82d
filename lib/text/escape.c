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
