#include "qmgr/feedback.h"

/* The window moves in whole steps: feedback adds up until it makes one. */
#define STEP 1.0F
/* Sums such as five times 1/5 must not miss a limit by the last bit. */
#define TINY 0.0001F

static bool parse_number(struct str text, double *out)
{
    double value = 0, unit = 1;
    bool point = false, any = false;

    for (size_t i = 0; i < text.len; i++) {
        char c = text.ptr[i];

        if (c == '.' && !point) {
            point = true;
        } else if (char_is_digit(c)) {
            any = true;
            if (point)
                unit /= 10;
            value = point ? value + unit * (c - '0') : value * 10 + (c - '0');
            if (value > 1e6)
                return false;
        } else {
            return false;
        }
    }
    *out = value;
    return any;
}

bool feedback_parse(struct str text, struct feedback *out)
{
    struct str rest = text;
    struct str number = str_trim(str_cut(&rest, '/'));
    struct str divisor = str_trim(rest);
    struct feedback f = { 0, FEEDBACK_CONSTANT };

    if (!parse_number(number, &f.value) || f.value > 1)
        return false;
    if (str_has(text, '/')) {
        if (str_equal(divisor, STR("concurrency")))
            f.form = FEEDBACK_BY_CONCURRENCY;
        else if (str_equal(divisor, STR("sqrt_concurrency")))
            f.form = FEEDBACK_BY_SQRT_CONCURRENCY;
        else
            return false;
    }
    *out = f;
    return true;
}

/* Newton's method; windows are small numbers, and libm for one call is not worth its
 * relocations. */
static double square_root(double x)
{
    double r = x > 1 ? x : 1;

    for (int i = 0; i < 40; i++)
        r = (r + x / r) / 2;
    return r;
}

double feedback_amount(const struct feedback *f, int window)
{
    double w = window > 0 ? window : 1;

    switch (f->form) {
    case FEEDBACK_BY_CONCURRENCY:
        return f->value / w;
    case FEEDBACK_BY_SQRT_CONCURRENCY:
        return f->value / square_root(w);
    case FEEDBACK_CONSTANT:
        break;
    }
    return f->value;
}

static int within_limit(const struct window_rules *rules, int size)
{
    if (rules->limit > 0 && size > rules->limit)
        size = rules->limit;
    return size < 1 ? 1 : size;
}

void window_init(struct window *w, const struct window_rules *rules)
{
    *w = (struct window){ .size = within_limit(rules, rules->initial) };
}

void window_succeed(struct window *w, const struct window_rules *rules, int busy)
{
    float feedback = (float)feedback_amount(&rules->positive, w->size);

    w->cohorts = 0;
    /* A window that the present traffic does not fill says nothing about the site. */
    if ((rules->limit > 0 && w->size >= rules->limit) || w->size >= busy + rules->initial)
        return;
    w->success += feedback;
    while (w->success + feedback / 2 >= STEP - TINY) {
        w->size = within_limit(rules, w->size + 1);
        w->success -= STEP;
        w->failure = 0;
    }
}

bool window_fail(struct window *w, const struct window_rules *rules)
{
    float feedback = (float)feedback_amount(&rules->negative, w->size);

    if (w->size < 1)
        return true;
    w->cohorts += 1.0F / (float)w->size;
    if (rules->cohort_limit > 0 && w->cohorts >= (float)rules->cohort_limit - TINY) {
        w->size = 0;
        return true;
    }
    w->failure -= feedback;
    while (feedback > 0 && w->failure - feedback / 2 < -TINY) {
        w->size = within_limit(rules, w->size - 1);
        w->success = 0;
        w->failure += STEP;
    }
    return false;
}

void window_forget_failures(struct window *w, const struct window_rules *rules)
{
    w->size = within_limit(rules, MAX(w->size, rules->initial));
    w->failure = w->cohorts = 0;
}

void window_revive(struct window *w, const struct window_rules *rules, int busy)
{
    *w = (struct window){ .size = within_limit(rules, MAX(busy, rules->initial)) };
}
