#include "text/netaddr.h"

#include "base/number.h"

#include <arpa/inet.h>

bool netaddr_parse(struct str text, struct netaddr *out)
{
    char copy[NETADDR_TEXT_MAX];
    struct netaddr a = { 0 };

    if (text.len == 0 || !str_to_cstring(text, copy, sizeof copy))
        return false;
    bool v6 = str_has(text, ':');
    if (inet_pton(v6 ? AF_INET6 : AF_INET, copy, a.bytes) != 1)
        return false;
    a.size = v6 ? 16 : 4;
    *out = a;
    return true;
}

void netaddr_format(struct buf *out, const struct netaddr *a)
{
    char text[NETADDR_TEXT_MAX];

    if (inet_ntop(a->size == 16 ? AF_INET6 : AF_INET, a->bytes, text, sizeof text))
        buf_add_cstr(out, text);
}

bool netaddr_equal(const struct netaddr *a, const struct netaddr *b)
{
    return a->size == b->size && memcmp(a->bytes, b->bytes, a->size) == 0;
}

void netaddr_unmap(struct netaddr *a)
{
    static const uint8_t prefix[12] = { [10] = 0xff, [11] = 0xff };

    if (a->size != 16 || memcmp(a->bytes, prefix, sizeof prefix) != 0)
        return;
    memmove(a->bytes, a->bytes + sizeof prefix, 4);
    memset(a->bytes + 4, 0, 12);
    a->size = 4;
}

/* Clear everything behind the first `bits` bits; true if that changed something. */
static bool mask(struct netaddr *a, unsigned bits)
{
    bool changed = false;

    for (unsigned i = 0; i < a->size; i++) {
        unsigned keep = bits >= 8 * (i + 1) ? 8 : bits > 8 * i ? bits - 8 * i : 0;
        uint8_t masked = (uint8_t)(a->bytes[i] & (0xff00u >> keep));

        changed |= masked != a->bytes[i];
        a->bytes[i] = masked;
    }
    return changed;
}

static bool complain(struct buf *why, struct str what, struct str text)
{
    if (why)
        buf_join(why, what, STR("\""), text, STR("\""));
    return false;
}

/* `address` or `address/bits`, from a text that had brackets or not. */
struct pattern {
    struct buf plain; /* all of it, without brackets */
    struct str address, bits;
    bool has_bits;
};

/* `[address]`, `[address]/bits` and `[address/bits]`. */
static bool strip_brackets(struct str text, struct pattern *p, struct buf *why)
{
    size_t end = str_find(text, ']');

    if (end == STR_NOT_FOUND)
        return complain(why, STR("missing ']' character after "), text);
    struct str inside = str_sub(text, 1, end), behind = str_skip(text, end + 1);
    if (behind.len && behind.ptr[0] != '/')
        return complain(why, STR("garbage after "), str_sub(text, 0, end + 1));
    buf_join(&p->plain, inside, behind);
    p->address = behind.len ? inside : STR_NONE;
    return true;
}

static bool split_pattern(struct str text, struct pattern *p, struct buf *why)
{
    if (!str_starts(text, STR("[")))
        buf_add(&p->plain, text);
    else if (!strip_brackets(text, p, why))
        return false;
    struct str plain = buf_str(&p->plain);
    if (p->address.ptr == NULL)
        p->address = str_sub(plain, 0, str_find(plain, '/'));
    p->has_bits = plain.len > p->address.len;
    p->bits = str_skip(plain, p->address.len + 1);
    return true;
}

static bool is_mask(struct str bits, int64_t *count)
{
    return bits.len && char_is_digit(bits.ptr[0]) && number_parse(bits, count);
}

static bool parse_parts(const struct pattern *p, struct netblock *n, struct buf *why)
{
    struct str plain = buf_str(&p->plain);
    int64_t count = 0;

    if (p->has_bits && !is_mask(p->bits, &count))
        return complain(why, STR("bad mask value in "), plain);
    if (!netaddr_parse(p->address, &n->base))
        return complain(
            why, p->has_bits ? STR("bad network value in ") : STR("bad address pattern: "), plain);
    n->bits = 8 * n->base.size;
    if (p->has_bits && count > n->bits)
        return complain(why, STR("bad mask length in "), plain);
    n->bits = p->has_bits ? (unsigned)count : n->bits;
    return true;
}

static bool suggest_network(struct buf *why, struct str text, const struct netblock *n)
{
    complain(why, STR("non-null host address bits in "), text);
    if (why == NULL)
        return false;
    buf_add(why, STR(", perhaps you should use \""));
    netaddr_format(why, &n->base);
    buf_addf(why, "/%u\" instead", n->bits);
    return false;
}

bool netblock_parse(struct str text, struct netblock *out, struct buf *why)
{
    struct pattern p = { .plain = BUF_INIT(0) };
    struct netblock n;
    bool good = split_pattern(text, &p, why) && parse_parts(&p, &n, why);

    if (good && mask(&n.base, n.bits))
        good = suggest_network(why, buf_str(&p.plain), &n);
    if (good)
        *out = n;
    buf_free(&p.plain);
    return good;
}

bool netblock_is_meant(struct str text)
{
    for (size_t i = 0; i < text.len; i++)
        if (!str_has(STR("0123456789abcdefABCDEF.:[]/"), text.ptr[i]))
            return false;
    return str_has(text, '/');
}

bool netblock_contains(const struct netblock *n, const struct netaddr *a)
{
    unsigned whole = n->bits / 8, rest = n->bits % 8;

    if (n->base.size != a->size || memcmp(n->base.bytes, a->bytes, whole) != 0)
        return false;
    return rest == 0 || ((n->base.bytes[whole] ^ a->bytes[whole]) & (0xff00u >> rest) & 0xff) == 0;
}
