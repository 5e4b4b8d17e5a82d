#include "master/throttle.h"
#include "unit.h"

#include <signal.h>

static const struct throttle_death failed = { .exited = true, .status = 1 };

static void only_failures_before_the_first_client_are_bad_starts(void **state)
{
    static const struct {
        struct throttle_death death;
        bool bad;
    } cases[] = {
        { { true, 0, 0, 0 }, false },        { { true, 1, 0, 0 }, true },
        { { true, 1, 3, 0 }, false },        { { false, SIGSEGV, 0, 0 }, true },
        { { false, SIGSEGV, 1, 0 }, false }, { { false, SIGKILL, 0, 0 }, false },
        { { false, SIGTERM, 0, 0 }, false },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        assert_int_equal(throttle_is_bad_start(&cases[i].death), cases[i].bad);
}

static bool fails(struct throttle *t, int64_t started_ms, int64_t now_ms)
{
    struct throttle_death death = failed;

    death.started_ms = started_ms;
    return throttle_note(t, &death, now_ms, 60);
}

static void a_row_of_bad_starts_makes_the_service_rest(void **state)
{
    struct throttle t = { 0 };

    (void)state;
    for (int i = 1; i < THROTTLE_AFTER; i++)
        assert_false(fails(&t, 1000, 1000));
    assert_true(fails(&t, 1000, 1000));
    assert_true(throttle_is_on(&t, 60999));
    assert_false(throttle_is_on(&t, 61000));
}

static void siblings_that_end_together_have_failed_once(void **state)
{
    struct throttle t = { 0 };

    (void)state;
    for (int i = 0; i < 10; i++)
        assert_false(fails(&t, 900 + i, 1000));
    assert_int_equal(t.failures, 1);
    assert_false(fails(&t, 1000, 1001));
    assert_int_equal(t.failures, 2);
}

static void a_served_client_breaks_the_row(void **state)
{
    struct throttle t = { 0 };
    static const struct throttle_death good = { .exited = true, .served = 5 };

    (void)state;
    for (int i = 1; i < THROTTLE_AFTER; i++)
        (void)throttle_note(&t, &failed, 0, 60);
    (void)throttle_note(&t, &good, 0, 60);
    assert_false(throttle_note(&t, &failed, 0, 60));
}

static void one_more_bad_start_after_the_rest_is_enough(void **state)
{
    struct throttle t = { 0 };

    (void)state;
    for (int i = 0; i < THROTTLE_AFTER; i++)
        (void)throttle_note(&t, &failed, 0, 60);
    throttle_release(&t);
    assert_false(throttle_is_on(&t, 1));
    assert_true(throttle_note(&t, &failed, 100000, 60));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(only_failures_before_the_first_client_are_bad_starts),
        cmocka_unit_test(a_row_of_bad_starts_makes_the_service_rest),
        cmocka_unit_test(siblings_that_end_together_have_failed_once),
        cmocka_unit_test(a_served_client_breaks_the_row),
        cmocka_unit_test(one_more_bad_start_after_the_rest_is_enough),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
