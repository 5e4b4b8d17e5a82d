#include "text/hostname.h"

#include "base/number.h"
#include "base/utf8.h"

#define NAME_MAX_BYTES  255
#define LABEL_MAX_BYTES 63

static bool is_label_byte(char c, bool utf8)
{
    return char_is_alnum(c) || c == '-' || c == '_' || (utf8 && ((unsigned char)c & 0x80));
}

static bool label_is_valid(struct str label, bool utf8)
{
    if (label.len == 0 || label.len > LABEL_MAX_BYTES || label.ptr[0] == '-' ||
        label.ptr[label.len - 1] == '-')
        return false;
    for (size_t i = 0; i < label.len; i++)
        if (!is_label_byte(label.ptr[i], utf8))
            return false;
    return true;
}

bool hostname_is_valid(struct str name, bool utf8)
{
    bool numeric = true;
    struct str rest = name;

    if (name.len == 0 || name.len > NAME_MAX_BYTES || str_ends(name, STR(".")) ||
        (utf8 && !utf8_is_valid(name)))
        return false;
    while (rest.len) {
        struct str label = str_cut(&rest, '.');
        if (!label_is_valid(label, utf8))
            return false;
        for (size_t i = 0; i < label.len; i++)
            numeric = numeric && char_is_digit(label.ptr[i]);
    }
    return !numeric;
}

bool hostname_is_ipv4(struct str text)
{
    int64_t value;

    for (int part = 0; part < 4; part++) {
        size_t dot = str_find(text, '.');
        struct str number = str_sub(text, 0, dot);
        if (number.len == 0 || number.len > 3 || number.ptr[0] == '-' ||
            !number_parse_range(number, 0, 255, &value) || (dot == STR_NOT_FOUND) != (part == 3))
            return false;
        text = part == 3 ? STR("") : str_skip(text, dot + 1);
    }
    return true;
}

static bool is_hex(char c)
{
    c = char_lower(c);
    return char_is_digit(c) || (c >= 'a' && c <= 'f');
}

/* Groups of a part of an IPv6 address that has no `::`; -1 if it is malformed.  `tail`: may end in
 * an IPv4 address, which counts as two. */
static int count_groups(struct str s, bool tail)
{
    int groups = 0;

    if (s.len == 0)
        return 0;
    for (;;) {
        size_t colon = str_find(s, ':');
        struct str group = str_sub(s, 0, colon);
        if (colon == STR_NOT_FOUND && tail && hostname_is_ipv4(group))
            return groups + 2;
        if (group.len == 0 || group.len > 4)
            return -1;
        for (size_t i = 0; i < group.len; i++)
            if (!is_hex(group.ptr[i]))
                return -1;
        groups++;
        if (colon == STR_NOT_FOUND)
            return groups;
        s = str_skip(s, colon + 1);
        if (s.len == 0)
            return -1;
    }
}

bool hostname_is_ipv6(struct str text)
{
    size_t gap = str_find_str(text, STR("::"));

    if (text.len > 45) /* eight groups, the last two as IPv4 */
        return false;
    if (gap == STR_NOT_FOUND)
        return count_groups(text, true) == 8;
    int before = count_groups(str_sub(text, 0, gap), false);
    int after = count_groups(str_skip(text, gap + 2), true);
    return before >= 0 && after >= 0 && before + after <= 7;
}

bool hostname_is_literal(struct str domain)
{
    return domain.len > 2 && domain.ptr[0] == '[' && domain.ptr[domain.len - 1] == ']';
}

struct str hostname_literal_address(struct str domain)
{
    if (!hostname_is_literal(domain))
        return STR_NONE;
    struct str inside = str_sub(domain, 1, domain.len - 1);
    if (str_skip_prefix_nocase(&inside, STR("IPv6:")))
        return hostname_is_ipv6(inside) ? inside : STR_NONE;
    return hostname_is_ipv4(inside) ? inside : STR_NONE;
}
