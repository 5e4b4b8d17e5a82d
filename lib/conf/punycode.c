#include "conf/punycode.h"

#define LABEL_MAX 63

/* RFC 3492 section 5 */
enum { BASE = 36, TMIN = 1, TMAX = 26, SKEW = 38, DAMP = 700, INITIAL_BIAS = 72, INITIAL_N = 128 };

struct label {
    uint32_t points[LABEL_MAX];
    size_t count, ascii;
};

static bool next_point(struct str *s, uint32_t *point)
{
    static const uint32_t least[] = { 0, 0x80, 0x800, 0x10000 };
    unsigned char lead = (unsigned char)s->ptr[0];
    size_t more = lead < 0x80   ? 0
                  : lead < 0xC0 ? 4
                  : lead < 0xE0 ? 1
                  : lead < 0xF0 ? 2
                  : lead < 0xF8 ? 3
                                : 4;

    if (more == 4 || s->len <= more)
        return false;
    uint32_t value = more ? lead & (0x3Fu >> more) : (unsigned char)char_lower(s->ptr[0]);
    for (size_t i = 1; i <= more; i++) {
        if ((s->ptr[i] & 0xC0) != 0x80)
            return false;
        value = value << 6 | (s->ptr[i] & 0x3F);
    }
    if (value < least[more] || value > 0x10FFFF || (value >= 0xD800 && value < 0xE000))
        return false;
    *s = str_skip(*s, more + 1);
    *point = value;
    return true;
}

static bool decode_label(struct str text, struct label *label)
{
    *label = (struct label){ .count = 0 };
    while (text.len) {
        uint32_t *point = &label->points[label->count];
        if (label->count == LABEL_MAX || !next_point(&text, point))
            return false;
        label->count++;
        label->ascii += *point < INITIAL_N;
    }
    return true;
}

static uint32_t adapt(uint32_t delta, size_t points, bool first)
{
    uint32_t k = 0;

    delta = first ? delta / DAMP : delta / 2;
    delta += delta / (uint32_t)points;
    for (; delta > (BASE - TMIN) * TMAX / 2; k += BASE)
        delta /= BASE - TMIN;
    return k + (BASE - TMIN + 1) * delta / (delta + SKEW);
}

static void add_digit(struct buf *out, uint32_t digit)
{
    buf_addc(out, (char)(digit < 26 ? 'a' + digit : '0' + (digit - 26)));
}

static void add_delta(struct buf *out, uint32_t delta, uint32_t bias)
{
    for (uint32_t k = BASE;; k += BASE) {
        uint32_t t = k <= bias ? TMIN : k >= bias + TMAX ? TMAX : k - bias;
        if (delta < t)
            break;
        add_digit(out, t + (delta - t) % (BASE - t));
        delta = (delta - t) / (BASE - t);
    }
    add_digit(out, delta);
}

static uint32_t least_point_from(const struct label *label, uint32_t n)
{
    uint32_t least = UINT32_MAX;

    for (size_t i = 0; i < label->count; i++)
        if (label->points[i] >= n)
            least = MIN(least, label->points[i]);
    return least;
}

static void encode_label(struct buf *out, const struct label *label)
{
    uint32_t n = INITIAL_N, delta = 0, bias = INITIAL_BIAS;
    size_t done = label->ascii;

    buf_add(out, STR("xn--"));
    for (size_t i = 0; i < label->count; i++)
        if (label->points[i] < INITIAL_N)
            buf_addc(out, (char)label->points[i]);
    if (label->ascii)
        buf_addc(out, '-');
    while (done < label->count) {
        uint32_t next = least_point_from(label, n);
        /* 63 points of at most 0x10FFFF: far from the end of 32 bits */
        delta += (next - n) * (uint32_t)(done + 1);
        n = next;
        for (size_t i = 0; i < label->count; i++) {
            if (label->points[i] < n)
                delta++;
            if (label->points[i] != n)
                continue;
            add_delta(out, delta, bias);
            bias = adapt(delta, done + 1, done == label->ascii);
            delta = 0;
            done++;
        }
        delta++;
        n++;
    }
}

bool punycode_encode_domain(struct buf *out, struct str domain)
{
    bool last;

    do {
        struct label label;
        BUF_AUTO(text, LABEL_MAX);
        last = !str_has(domain, '.');
        struct str part = str_cut(&domain, '.');
        if (!decode_label(part, &label))
            return false;
        if (label.ascii == label.count)
            buf_add_lower(&text, part);
        else
            encode_label(&text, &label);
        if (text.full)
            return false;
        buf_add(out, buf_str(&text));
        if (!last)
            buf_addc(out, '.');
    } while (!last);
    return true;
}
