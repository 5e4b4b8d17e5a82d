#include "postscreen/trial.h"

void trial_init(struct trial *t, const struct merits *m, unsigned enabled, int64_t now)
{
    t->due = merits_due(m, enabled, now);
    t->is_new = merits_is_new(m);
}

void trial_pass(struct trial *t, unsigned tests, int64_t until)
{
    for (int i = 0; i < SCREEN_TESTS; i++)
        if (tests & SCREEN_BIT(i))
            t->until[i] = until;
    t->passed |= tests;
}

bool trial_is_passed(const struct trial *t)
{
    return !t->failed && t->due && (t->due & ~t->passed) == 0;
}

bool trial_note(const struct trial *t, unsigned enabled, struct merits *m)
{
    if (t->failed || t->passed == 0)
        return false;
    for (int i = 0; i < SCREEN_TESTS; i++) {
        if (t->passed & SCREEN_BIT(i))
            m->until[i] = t->until[i];
        else if (m->until[i] <= MERIT_DISABLED)
            m->until[i] = enabled & SCREEN_BIT(i) ? MERIT_NEVER : MERIT_DISABLED;
    }
    return true;
}
