#include "base/attr.h"
#include "qmgr/backoff.h"
#include "unit.h"

static void the_next_attempt_waits_as_long_as_the_message_is_old(void **state)
{
    static const struct {
        int64_t age, delay;
    } cases[] = { { 0, 300 },     { -50, 300 },   { 299, 300 },    { 301, 301 },
                  { 3999, 3999 }, { 4001, 4000 }, { 400000, 4000 } };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        assert_int_equal(backoff_delay(1000000, 1000000 - cases[i].age, 300, 4000), cases[i].delay);
}

static void a_minimum_above_the_maximum_wins(void **state)
{
    (void)state;
    assert_int_equal(backoff_delay(1000, 0, 600, 100), 600);
}

static void a_message_expires_at_its_lifetime(void **state)
{
    (void)state;
    assert_false(backoff_is_expired(1099, 1000, 100));
    assert_true(backoff_is_expired(1100, 1000, 100));
    assert_true(backoff_is_expired(1000, 1000, 0));
}

static void recipients_are_read_when_there_is_room_enough_or_time_went_by(void **state)
{
    (void)state;
    assert_true(backoff_wants_refill(0, 10, 100, 0, 5000));
    assert_false(backoff_wants_refill(5, 10, 100, 0, 5000));
    assert_true(backoff_wants_refill(5, 10, 100, 5000, 5000));
    assert_false(backoff_wants_refill(10, 10, 100, 9000, 5000));
    assert_true(backoff_wants_refill(100, 200, 100, 0, 5000));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_next_attempt_waits_as_long_as_the_message_is_old),
        cmocka_unit_test(a_minimum_above_the_maximum_wins),
        cmocka_unit_test(a_message_expires_at_its_lifetime),
        cmocka_unit_test(recipients_are_read_when_there_is_room_enough_or_time_went_by),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
