#include "postscreen/merits.h"

#include "base/number.h"

void merits_init(struct merits *m, unsigned enabled)
{
    for (int t = 0; t < SCREEN_TESTS; t++)
        m->until[t] = enabled & SCREEN_BIT(t) ? MERIT_NEVER : MERIT_DISABLED;
}

void merits_parse(struct merits *m, struct str text)
{
    for (int t = 0; t < SCREEN_TESTS; t++) {
        m->until[t] = MERIT_DISABLED;
        if (!number_parse_range(str_cut(&text, ';'), 0, INT64_MAX, &m->until[t]))
            text = STR_NONE;
    }
}

void merits_format(const struct merits *m, struct buf *out)
{
    for (int t = 0; t < SCREEN_TESTS; t++) {
        if (t)
            buf_addc(out, ';');
        buf_add_int(out, m->until[t]);
    }
}

unsigned merits_due(const struct merits *m, unsigned enabled, int64_t now)
{
    unsigned due = 0;

    for (int t = 0; t < SCREEN_TESTS; t++)
        if ((enabled & SCREEN_BIT(t)) && now > m->until[t])
            due |= SCREEN_BIT(t);
    return due;
}

bool merits_is_new(const struct merits *m)
{
    for (int t = 0; t < SCREEN_TESTS; t++)
        if (m->until[t] == MERIT_NEVER)
            return true;
    return false;
}
