#include "text/xtext.h"

#include "base/utf8.h"

#include <stdint.h>

static bool is_plain(unsigned char c) { return c > ' ' && c < 0x7f && c != '+' && c != '='; }

static void add_hex(unsigned char c, struct buf *out)
{
    static const char digits[] = "0123456789ABCDEF";

    buf_addc(out, '+');
    buf_addc(out, digits[c >> 4]);
    buf_addc(out, digits[c & 15]);
}

void xtext_encode(struct str bytes, struct buf *out)
{
    for (size_t i = 0; i < bytes.len; i++) {
        unsigned char c = (unsigned char)bytes.ptr[i];
        if (is_plain(c))
            buf_addc(out, (char)c);
        else
            add_hex(c, out);
    }
}

static int hex_value(char c)
{
    if (char_is_digit(c))
        return c - '0';
    c = char_lower(c);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* `+HH` at the start of `s`; -1 if it is none. */
static int hex_pair(struct str s)
{
    if (s.len < 3)
        return -1;
    int high = hex_value(s.ptr[1]), low = hex_value(s.ptr[2]);
    return high < 0 || low < 0 ? -1 : high << 4 | low;
}

/* One plain byte or `+HH` from the front of `s`; -1 if it is neither.  A bare `=`, which RFC 3461
 * does not allow, is taken for itself, as clients send it. */
static int decode_byte(struct str *s)
{
    unsigned char c = (unsigned char)s->ptr[0];
    int value = c == '+' ? hex_pair(*s) : is_plain(c) || c == '=' ? c : -1;

    if (value >= 0)
        *s = str_skip(*s, c == '+' ? 3 : 1);
    return value;
}

bool xtext_decode(struct str text, struct buf *out)
{
    size_t start = out->len;

    while (text.len) {
        int c = decode_byte(&text);
        if (c < 0) {
            buf_truncate(out, start);
            return false;
        }
        buf_addc(out, (char)c);
    }
    return true;
}

/* RFC 6533: characters that the unitext form must write as \x{HH}. */
static bool needs_escape(uint32_t rune)
{
    return rune < 0x80 && (!is_plain((unsigned char)rune) || rune == '\\');
}

static void add_rune_escape(uint32_t rune, struct buf *out)
{
    static const char digits[] = "0123456789ABCDEF";
    bool started = false;

    buf_add(out, STR("\\x{"));
    for (int shift = 20; shift >= 0; shift -= 4) {
        unsigned digit = rune >> shift & 15;
        started = started || digit || shift == 4;
        if (started)
            buf_addc(out, digits[digit]);
    }
    buf_addc(out, '}');
}

static void add_utf8(uint32_t rune, struct buf *out)
{
    if (rune < 0x80) {
        buf_addc(out, (char)rune);
        return;
    }
    int more = rune < 0x800 ? 1 : rune < 0x10000 ? 2 : 3;
    static const unsigned char lead[] = { 0, 0xc0, 0xe0, 0xf0 };

    buf_addc(out, (char)(lead[more] | rune >> (6 * more)));
    while (more-- > 0)
        buf_addc(out, (char)(0x80 | (rune >> (6 * more) & 0x3f)));
}

void uxtext_encode(struct str bytes, struct buf *out)
{
    uint32_t rune;

    while (bytes.len) {
        struct str before = bytes;
        if (!utf8_next(&bytes, &rune)) {
            /* Not UTF-8: there is no faithful form, so a replacement character stands for the byte.
             */
            bytes = str_skip(bytes, 1);
            buf_add(out, STR("\xef\xbf\xbd"));
        } else if (needs_escape(rune)) {
            add_rune_escape(rune, out);
        } else {
            buf_add(out, str_sub(before, 0, before.len - bytes.len));
        }
    }
}

/* `\x{HHHH}` from the front of `s`. */
static bool decode_escape(struct str *s, uint32_t *rune)
{
    struct str rest = *s;
    uint32_t value = 0;

    if (!str_skip_prefix(&rest, STR("\\x{")))
        return false;
    struct str hex = str_sub(rest, 0, str_find(rest, '}'));
    if (hex.len < 2 || hex.len > 6 || hex.len == rest.len)
        return false;
    for (size_t i = 0; i < hex.len; i++) {
        if (hex_value(hex.ptr[i]) < 0)
            return false;
        value = value << 4 | (uint32_t)hex_value(hex.ptr[i]);
    }
    if (value > 0x10ffff || (value >= 0xd800 && value <= 0xdfff))
        return false;
    *rune = value;
    *s = str_skip(rest, hex.len + 1);
    return true;
}

bool uxtext_decode(struct str text, struct buf *out)
{
    size_t start = out->len;
    uint32_t rune;

    while (text.len) {
        struct str before = text;
        if (text.ptr[0] == '\\' && decode_escape(&text, &rune)) {
            add_utf8(rune, out);
        } else if (text.ptr[0] != '\\' && utf8_next(&text, &rune) &&
                   (rune >= 0x80 || is_plain((unsigned char)rune))) {
            buf_add(out, str_sub(before, 0, before.len - text.len));
        } else {
            buf_truncate(out, start);
            return false;
        }
    }
    return true;
}
