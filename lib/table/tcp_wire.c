#include "table/tcp_wire.h"

static bool is_plain(char c) { return c > ' ' && c < 0x7f && c != '%'; }

static void quote(struct str text, struct buf *out)
{
    static const char hex[] = "0123456789ABCDEF";

    for (size_t i = 0; i < text.len; i++) {
        unsigned char c = (unsigned char)text.ptr[i];
        if (is_plain((char)c))
            buf_addc(out, (char)c);
        else
            buf_add(out, (struct str){ (char[]){ '%', hex[c >> 4], hex[c & 15] }, 3 });
    }
}

static int hex_digit(char c)
{
    if (char_is_digit(c))
        return c - '0';
    c = char_lower(c);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static bool unquote(struct str text, struct buf *out)
{
    for (size_t i = 0; i < text.len; i++) {
        if (text.ptr[i] != '%') {
            buf_addc(out, text.ptr[i]);
            continue;
        }
        int high = i + 2 < text.len ? hex_digit(text.ptr[i + 1]) : -1;
        int low = high >= 0 ? hex_digit(text.ptr[i + 2]) : -1;
        if (low < 0)
            return false;
        buf_addc(out, (char)(high << 4 | low));
        i += 2;
    }
    return true;
}

void tcp_wire_put_request(struct buf *out, struct str key)
{
    buf_add(out, STR("get "));
    quote(key, out);
    buf_addc(out, '\n');
}

static bool has_status(struct str line)
{
    return line.len >= 4 && char_is_digit(line.ptr[0]) && char_is_digit(line.ptr[1]) &&
           char_is_digit(line.ptr[2]) && char_is_space(line.ptr[3]);
}

enum tcp_reply tcp_wire_read_reply(struct str line, struct buf *value)
{
    BUF_AUTO(text, TCP_WIRE_REPLY_MAX);

    if (!has_status(line) || !unquote(str_skip(line, 4), &text))
        return TCP_REPLY_MALFORMED;
    switch (line.ptr[0]) {
    case '5':
        return TCP_REPLY_NOT_FOUND;
    case '4':
        return TCP_REPLY_RETRY;
    case '2':
        buf_clear(value);
        buf_add(value, buf_str(&text));
        return TCP_REPLY_FOUND;
    default:
        return TCP_REPLY_BAD_STATUS;
    }
}
