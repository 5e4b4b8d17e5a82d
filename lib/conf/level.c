#include "conf/level.h"

#include "base/number.h"

#define PART_MAX ((1 << 20) - 1)

bool level_parse(struct str text, int64_t *level)
{
    int64_t sum = 0;
    bool more = true;

    for (int part = 0; part < 3; part++) {
        int64_t number = 0;
        if (more) {
            more = str_has(text, '.');
            if (!number_parse_range(str_cut(&text, '.'), 0, PART_MAX, &number))
                return false;
        }
        sum = sum * (PART_MAX + 1) + number;
    }
    if (more)
        return false;
    *level = sum;
    return true;
}
