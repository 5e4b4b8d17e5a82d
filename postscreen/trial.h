#pragma once
/* postscreen/trial - how one session stands: which tests it has to take, and what came of them.  Pure. */
#include "postscreen/merits.h"

struct trial {
    unsigned due;    /* bits of tests */
    unsigned passed; /* and until when that holds: */
    int64_t until[SCREEN_TESTS];
    bool failed; /* a test, or a list of the site's own: what was passed counts for nothing */
    bool is_new; /* its address had never passed one of them */
};

void trial_init(struct trial *t, const struct merits *m, unsigned enabled, int64_t now);
void trial_pass(struct trial *t, unsigned tests, int64_t until);
/* All that it had to do is done, and well. */
bool trial_is_passed(const struct trial *t);
/* What it has shown goes into `m`.  False: there is nothing. */
bool trial_note(const struct trial *t, unsigned enabled, struct merits *m);
