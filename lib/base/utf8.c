#include "base/utf8.h"

bool utf8_is_ascii(struct str s)
{
    size_t i = 0;

    for (; i + sizeof(uint64_t) <= s.len; i += sizeof(uint64_t)) {
        uint64_t word;
        memcpy(&word, s.ptr + i, sizeof word);
        if (word & 0x8080808080808080u)
            return false;
    }
    for (; i < s.len; i++)
        if ((unsigned char)s.ptr[i] & 0x80)
            return false;
    return true;
}

/* Length of the sequence that `lead` starts, and the bits it contributes; 0 for a byte that starts
 * none. */
static size_t lead_length(unsigned char lead, uint32_t *bits)
{
    static const struct {
        unsigned char mask, mark;
    } leads[] = { { 0x80, 0x00 }, { 0xe0, 0xc0 }, { 0xf0, 0xe0 }, { 0xf8, 0xf0 } };

    for (size_t i = 0; i < ARRAY_LEN(leads); i++) {
        if ((lead & leads[i].mask) == leads[i].mark) {
            *bits = lead & (unsigned char)~leads[i].mask;
            return i + 1;
        }
    }
    return 0;
}

bool utf8_next(struct str *s, uint32_t *rune)
{
    static const uint32_t smallest[] = { 0, 0, 0x80, 0x800, 0x10000 };
    uint32_t value = 0;
    size_t n = s->len ? lead_length((unsigned char)s->ptr[0], &value) : 0;

    if (n == 0 || n > s->len)
        return false;
    for (size_t i = 1; i < n; i++) {
        unsigned char c = (unsigned char)s->ptr[i];
        if ((c & 0xc0) != 0x80)
            return false;
        value = value << 6 | (c & 0x3f);
    }
    if (value < smallest[n] || value > 0x10ffff || (value >= 0xd800 && value <= 0xdfff))
        return false;
    *s = str_skip(*s, n);
    *rune = value;
    return true;
}

bool utf8_is_valid(struct str s)
{
    uint32_t rune;

    if (utf8_is_ascii(s))
        return true;
    while (utf8_next(&s, &rune))
        ;
    return s.len == 0;
}

static bool ascii_only;

void utf8_set_printable(bool printable) { ascii_only = !printable; }

static bool is_control(uint32_t rune)
{
    static const struct {
        uint32_t first, last;
    } hidden[] = { { 0, 0x1f }, { 0x7f, 0x9f }, { 0x2028, 0x202e }, { 0x2066, 0x2069 } };

    for (size_t i = 0; i < ARRAY_LEN(hidden); i++)
        if (rune >= hidden[i].first && rune <= hidden[i].last)
            return true;
    return false;
}

static void mask(char *text, size_t len, uint32_t last)
{
    struct str rest = { text, len };
    uint32_t rune;

    while (rest.len) {
        size_t at = len - rest.len;
        bool printable = utf8_next(&rest, &rune) && rune <= last && !is_control(rune);
        if (len - rest.len == at) /* no UTF-8 */
            rest = str_skip(rest, 1);
        if (!printable)
            memset(text + at, '?', len - rest.len - at);
    }
}

void utf8_make_printable(char *text, size_t len)
{
    mask(text, len, ascii_only ? 0x7f : UINT32_MAX);
}
void utf8_mask_controls(char *text, size_t len) { mask(text, len, UINT32_MAX); }
