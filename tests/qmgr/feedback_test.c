#include "qmgr/feedback.h"
#include "unit.h"

static void feedback_forms_are_parsed(void **state)
{
    static const struct {
        const char *text;
        bool ok;
        double value;
        enum feedback_form form;
    } cases[] = {
        { "1", true, 1, FEEDBACK_CONSTANT },
        { "0.25", true, 0.25, FEEDBACK_CONSTANT },
        { "0", true, 0, FEEDBACK_CONSTANT },
        { "1/concurrency", true, 1, FEEDBACK_BY_CONCURRENCY },
        { "0.5 / sqrt_concurrency", true, 0.5, FEEDBACK_BY_SQRT_CONCURRENCY },
        { ".5", true, 0.5, FEEDBACK_CONSTANT },
        { "", false, 0, 0 },
        { "/", false, 0, 0 },
        { "1/", false, 0, 0 },
        { "1/window", false, 0, 0 },
        { "2", false, 0, 0 },
        { "-1", false, 0, 0 },
        { "1.2.3", false, 0, 0 },
        { "99999999999999999999", false, 0, 0 },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct feedback f = { 0, 0 };
        assert_int_equal(feedback_parse(str_from(cases[i].text), &f), cases[i].ok);
        if (cases[i].ok) {
            assert_true(f.value > cases[i].value - 1e-9 && f.value < cases[i].value + 1e-9);
            assert_int_equal(f.form, cases[i].form);
        }
    }
}

static void feedback_depends_on_the_window(void **state)
{
    struct feedback by_root = { 1, FEEDBACK_BY_SQRT_CONCURRENCY },
                    by_n = { 1, FEEDBACK_BY_CONCURRENCY };

    (void)state;
    assert_true(feedback_amount(&by_n, 4) == 0.25);
    double half = feedback_amount(&by_root, 4);
    assert_true(half > 0.499999 && half < 0.500001);
}

static const struct window_rules rules = { .initial = 5,
                                           .limit = 20,
                                           .cohort_limit = 1,
                                           .positive = { 1, FEEDBACK_CONSTANT },
                                           .negative = { 1, FEEDBACK_CONSTANT } };

static void success_opens_the_window_up_to_the_limit(void **state)
{
    struct window w;

    (void)state;
    window_init(&w, &rules);
    assert_int_equal(w.size, 5);
    for (int i = 0; i < 100; i++)
        window_succeed(&w, &rules, w.size);
    assert_int_equal(w.size, 20);
}

static void a_window_that_is_not_filled_does_not_grow(void **state)
{
    struct window w;

    (void)state;
    window_init(&w, &rules);
    for (int i = 0; i < 100; i++)
        window_succeed(&w, &rules, 1);
    assert_int_equal(w.size, 6);
}

static void one_cohort_of_failures_kills_a_destination(void **state)
{
    struct window w;
    int failures = 0;

    (void)state;
    window_init(&w, &rules);
    while (failures < 100 && !window_fail(&w, &rules))
        failures++;
    assert_int_equal(w.size, 0);
    assert_true(failures < 5);
}

static void success_between_failures_keeps_a_destination_alive(void **state)
{
    struct window w;

    (void)state;
    window_init(&w, &rules);
    for (int i = 0; i < 200; i++) {
        window_succeed(&w, &rules, w.size);
        if (w.size > 1)
            assert_false(window_fail(&w, &rules));
        assert_true(w.size >= 1);
    }
}

static void small_feedback_needs_several_events(void **state)
{
    struct window_rules slow = rules;
    struct window w;

    (void)state;
    slow.positive.value = 0.25;
    window_init(&w, &slow);
    for (int i = 0; i < 3; i++)
        window_succeed(&w, &slow, 5);
    assert_int_equal(w.size, 5);
    window_succeed(&w, &slow, 5);
    assert_int_equal(w.size, 6);
}

static void without_a_cohort_limit_the_window_only_shrinks(void **state)
{
    struct window_rules tough = rules;
    struct window w;

    (void)state;
    tough.cohort_limit = 0;
    window_init(&w, &tough);
    for (int i = 0; i < 100; i++)
        assert_false(window_fail(&w, &tough));
    assert_int_equal(w.size, 1);
}

static void a_revived_destination_starts_with_its_initial_window(void **state)
{
    struct window w = { 0 };

    (void)state;
    window_revive(&w, &rules, 0);
    assert_int_equal(w.size, 5);
    window_revive(&w, &rules, 9);
    assert_int_equal(w.size, 9);
    window_revive(&w, &rules, 99);
    assert_int_equal(w.size, 20);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(feedback_forms_are_parsed),
        cmocka_unit_test(feedback_depends_on_the_window),
        cmocka_unit_test(success_opens_the_window_up_to_the_limit),
        cmocka_unit_test(a_window_that_is_not_filled_does_not_grow),
        cmocka_unit_test(one_cohort_of_failures_kills_a_destination),
        cmocka_unit_test(success_between_failures_keeps_a_destination_alive),
        cmocka_unit_test(small_feedback_needs_several_events),
        cmocka_unit_test(without_a_cohort_limit_the_window_only_shrinks),
        cmocka_unit_test(a_revived_destination_starts_with_its_initial_window),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
