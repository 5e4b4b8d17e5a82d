#pragma once
/* qmgr/feedback - how many deliveries to one destination may run at once, learnt from how they end.
 * Pure arithmetic; spec: behaviours, section 1. */
#include "base/str.h"

/* "0.5", "1/concurrency" or "1/sqrt_concurrency". */
enum feedback_form { FEEDBACK_CONSTANT, FEEDBACK_BY_CONCURRENCY, FEEDBACK_BY_SQRT_CONCURRENCY };
struct feedback {
    double value; /* 0 to 1 */
    enum feedback_form form;
};

NODISCARD bool feedback_parse(struct str text, struct feedback *out);
double feedback_amount(const struct feedback *f, int window);

struct window_rules {
    int initial;
    int limit;        /* 0: none */
    int cohort_limit; /* 0: a destination never dies of failures */
    struct feedback positive, negative;
};

/* A window of 0 means that the destination is dead. */
struct window {
    int size;
    float success, failure, cohorts;
};

void window_init(struct window *w, const struct window_rules *rules);
/* A delivery reached the site; `busy` counts the deliveries under way, this one included. */
void window_succeed(struct window *w, const struct window_rules *rules, int busy);
/* The site could not be reached.  True: now the destination counts as dead. */
NODISCARD bool window_fail(struct window *w, const struct window_rules *rules);
/* A living destination had nothing to do meanwhile: its failures say nothing about the next delivery, and
 * it may run as many as a new one at least. */
void window_forget_failures(struct window *w, const struct window_rules *rules);
/* Try a dead destination again. */
void window_revive(struct window *w, const struct window_rules *rules, int busy);
