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

/* Take off the brackets of `[address]`, `[address]/bits` and `[address/bits]`. */
static bool split_pattern(struct str text, struct str *address, struct str *bits, bool *has_bits)
{
    *address = text;
    if (text.len && text.ptr[0] == '[') {
        size_t end = str_rfind(text, ']');
        if (end == STR_NOT_FOUND)
            return false;
        struct str behind = str_skip(text, end + 1);
        *address = str_sub(text, 1, end);
        *has_bits = behind.len > 0;
        if (*has_bits) {
            *bits = str_skip(behind, 1);
            return behind.ptr[0] == '/';
        }
    }
    *bits = *address;
    *has_bits = str_has(*address, '/');
    *address = *has_bits ? str_cut(bits, '/') : *address;
    return true;
}

static bool complain(struct buf *why, struct str what, struct str text)
{
    if (why)
        buf_join(why, what, STR("\""), text, STR("\""));
    return false;
}

static void suggest_network(struct buf *why, struct str text, const struct netblock *n)
{
    complain(why, STR("non-null host address bits in "), text);
    if (why == NULL)
        return;
    buf_add(why, STR(", perhaps you should use \""));
    if (text.ptr[0] == '[')
        buf_addc(why, '[');
    netaddr_format(why, &n->base);
    if (text.ptr[0] == '[')
        buf_addc(why, ']');
    buf_addf(why, "/%u\" instead", n->bits);
}

bool netblock_parse(struct str text, struct netblock *out, struct buf *why)
{
    struct netblock n;
    struct str address, bits;
    bool has_bits;
    int64_t count;

    if (!split_pattern(text, &address, &bits, &has_bits))
        return complain(why, STR("bad address pattern: "), text);
    if (!netaddr_parse(address, &n.base))
        return complain(why, has_bits ? STR("bad network value in ") : STR("bad address pattern: "),
                        text);
    n.bits = 8 * n.base.size;
    if (has_bits) {
        if (bits.len == 0 || !char_is_digit(bits.ptr[0]) || !number_parse(bits, &count))
            return complain(why, STR("bad mask value in "), text);
        if (count > n.bits)
            return complain(why, STR("bad mask length in "), text);
        n.bits = (unsigned)count;
    }
    if (mask(&n.base, n.bits)) {
        suggest_network(why, text, &n);
        return false;
    }
    *out = n;
    return true;
}

bool netblock_contains(const struct netblock *n, const struct netaddr *a)
{
    unsigned whole = n->bits / 8, rest = n->bits % 8;

    if (n->base.size != a->size || memcmp(n->base.bytes, a->bytes, whole) != 0)
        return false;
    return rest == 0 || ((n->base.bytes[whole] ^ a->bytes[whole]) & (0xff00u >> rest) & 0xff) == 0;
}
