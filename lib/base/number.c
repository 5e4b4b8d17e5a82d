#include "base/number.h"

bool number_parse(struct str s, int64_t *out)
{
    bool negative = s.len && s.ptr[0] == '-';
    int64_t value = 0;

    if (negative)
        s = str_skip(s, 1);
    if (s.len == 0)
        return false;
    for (size_t i = 0; i < s.len; i++) {
        if (!char_is_digit(s.ptr[i]) || __builtin_mul_overflow(value, 10, &value) ||
            __builtin_add_overflow(value, s.ptr[i] - '0', &value))
            return false;
    }
    *out = negative ? -value : value;
    return true;
}

bool number_parse_range(struct str s, int64_t min, int64_t max, int64_t *out)
{
    int64_t value;

    if (!number_parse(s, &value) || value < min || value > max)
        return false;
    *out = value;
    return true;
}

static int64_t unit_seconds(char unit)
{
    switch (char_lower(unit)) {
    case 's':
        return 1;
    case 'm':
        return 60;
    case 'h':
        return 3600;
    case 'd':
        return 86400;
    case 'w':
        return 604800;
    default:
        return 0;
    }
}

bool time_parse(struct str s, char unit, int64_t *seconds)
{
    int64_t number;

    if (s.len && char_is_alpha(s.ptr[s.len - 1])) {
        unit = s.ptr[s.len - 1];
        s.len--;
    }
    if (unit_seconds(unit) == 0 || !number_parse(s, &number))
        return false;
    return !__builtin_mul_overflow(number, unit_seconds(unit), seconds);
}

bool bool_parse(struct str s, bool *out)
{
    if (str_equal_nocase(s, STR("yes")))
        *out = true;
    else if (str_equal_nocase(s, STR("no")))
        *out = false;
    else
        return false;
    return true;
}
