#include "service/crowd.h"
#include "unit.h"

#define SEATS 100

/* 100 seats: `clients` of them share all, each idle for its number in milliseconds and a second more. */
static void fill(struct crowd_seat *seats, uint32_t clients)
{
    for (int i = 0; i < SEATS; i++)
        seats[i] = (struct crowd_seat){ .client = (uint32_t)i % clients + 1,
                                        .idle_ms = 1000 + (uint32_t)i,
                                        .owner = i };
}

static void the_longest_idle_seat_of_the_greediest_is_freed(void **state)
{
    struct crowd_seat seats[SEATS];

    (void)state;
    fill(seats, 20);
    seats[7].client = 9;
    assert_int_equal(crowd_choose(seats, SEATS)->owner, 88);
}

static void equally_greedy_clients_lose_the_longest_idle_seat(void **state)
{
    struct crowd_seat seats[SEATS];

    (void)state;
    fill(seats, 20);
    assert_int_equal(crowd_choose(seats, SEATS)->owner, 99);
}

/* Nobody has more than two seats: then silence decides. */
static void fill_fairly(struct crowd_seat *seats, uint32_t idle_ms)
{
    fill(seats, SEATS / CROWD_FAIR);
    for (int i = 0; i < SEATS; i++)
        seats[i].idle_ms = idle_ms;
}

static void two_idle_seats_are_no_greed(void **state)
{
    struct crowd_seat seats[SEATS];

    (void)state;
    fill_fairly(seats, CROWD_SILENT_MS - 1);
    assert_null(crowd_choose(seats, SEATS));
    fill(seats, 1);
    for (int i = 0; i < SEATS; i++)
        seats[i].idle_ms = CROWD_IDLE_MS;
    assert_null(crowd_choose(seats, CROWD_FAIR));
    assert_non_null(crowd_choose(seats, CROWD_FAIR + 1));
}

static void where_nobody_is_greedy_the_longest_silent_goes(void **state)
{
    struct crowd_seat seats[SEATS];

    (void)state;
    fill(seats, SEATS);
    assert_int_equal(crowd_choose(seats, SEATS)->owner, 99);
    fill_fairly(seats, CROWD_SILENT_MS - 1);
    seats[42].idle_ms = CROWD_SILENT_MS;
    assert_int_equal(crowd_choose(seats, SEATS)->owner, 42);
}

static void who_is_in_the_middle_of_something_may_keep_silent(void **state)
{
    struct crowd_seat seats[SEATS];

    (void)state;
    fill(seats, SEATS);
    for (int i = 0; i < SEATS; i++)
        seats[i].engaged = i != 7;
    assert_int_equal(crowd_choose(seats, SEATS)->owner, 7);
    for (int i = 0; i < SEATS; i++)
        seats[i].engaged = true;
    assert_null(crowd_choose(seats, SEATS));
}

static void who_works_is_left_alone(void **state)
{
    struct crowd_seat seats[SEATS];

    (void)state;
    fill(seats, 2);
    for (int i = 0; i < SEATS; i++)
        seats[i].idle_ms = (uint32_t)i % CROWD_IDLE_MS;
    assert_null(crowd_choose(seats, SEATS));
    assert_null(crowd_choose(seats, 0));
}

static void a_client_with_its_share_of_idle_seats_gets_no_more(void **state)
{
    struct crowd_seat seats[SEATS];

    (void)state;
    fill(seats, 20);
    assert_int_equal(crowd_share_is_used(seats, SEATS, 20), 5);
    assert_int_equal(crowd_share_is_used(seats, SEATS, 21), 0);
    for (int i = 0; i < SEATS; i++)
        if (seats[i].client == 20)
            seats[i].idle_ms = 10;
    assert_int_equal(crowd_share_is_used(seats, SEATS, 20), 0);
    fill(seats, SEATS);
    assert_int_equal(crowd_share_is_used(seats, SEATS, 20), 1);
    assert_int_equal(crowd_share_is_used(seats, SEATS, SEATS + 1), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_longest_idle_seat_of_the_greediest_is_freed),
        cmocka_unit_test(equally_greedy_clients_lose_the_longest_idle_seat),
        cmocka_unit_test(two_idle_seats_are_no_greed),
        cmocka_unit_test(where_nobody_is_greedy_the_longest_silent_goes),
        cmocka_unit_test(who_is_in_the_middle_of_something_may_keep_silent),
        cmocka_unit_test(who_works_is_left_alone),
        cmocka_unit_test(a_client_with_its_share_of_idle_seats_gets_no_more),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
