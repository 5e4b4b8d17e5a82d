#include "base/mem.h"
#include "service/scoreboard.h"
#include "unit.h"

#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

/* Two workers of service 3, in two blocks of its chain. */
struct fixture {
    struct scoreboard *board;
    struct scoreboard_place a, b;
    int wake[2]; /* a pipe */
};

static int set_up(void **state)
{
    struct fixture *f = mem_alloc(sizeof *f);

    f->board = mem_alloc(sizeof *f->board);
    assert_int_equal(pipe2(f->wake, O_NONBLOCK), 0);
    f->a = (struct scoreboard_place){ f->board, 5, f->wake[1], 0 };
    f->b = (struct scoreboard_place){ f->board, SCOREBOARD_PER_BLOCK * 2 + 1, f->wake[1], 0 };
    f->board->services[3].first_block = 0;
    f->board->blocks[0].next = 2;
    f->board->blocks[2].next = SCOREBOARD_NO_BLOCK;
    f->board->slots[f->a.slot].service = f->board->slots[f->b.slot].service = 3;
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;

    close(f->wake[0]);
    close(f->wake[1]);
    free(f->board);
    free(f);
    return 0;
}

static bool was_woken(const struct fixture *f)
{
    char calls[8];

    return read(f->wake[0], calls, sizeof calls) > 0;
}

static void master_sleeps_while_a_sibling_is_idle(void **state)
{
    struct fixture *f = *state;

    scoreboard_idle(&f->a);
    scoreboard_idle(&f->b);
    for (int i = 0; i < 1000; i++) {
        scoreboard_busy(&f->a);
        scoreboard_idle(&f->a);
    }
    assert_false(was_woken(f));
    assert_int_equal(scoreboard_count_idle(f->board, 3), 2);
    assert_int_equal(f->board->slots[f->a.slot].served, 1000);
    assert_int_equal(f->board->services[3].uses, 1000);
}

static void the_last_idle_worker_wakes_master_once(void **state)
{
    struct fixture *f = *state;

    scoreboard_idle(&f->a);
    scoreboard_idle(&f->b);
    scoreboard_busy(&f->a);
    assert_false(was_woken(f));
    scoreboard_busy(&f->b);
    assert_true(was_woken(f));
    assert_int_equal(f->board->services[3].pressure, 1);
    scoreboard_idle(&f->b);
    scoreboard_busy(&f->b);
    assert_false(was_woken(f)); /* master knows and has not lowered it */
    f->board->services[3].pressure = 0;
    scoreboard_idle(&f->b);
    scoreboard_leave(&f->b);
    assert_true(was_woken(f));
}

static void a_bent_chain_is_walked_to_an_end(void **state)
{
    struct fixture *f = *state;

    f->board->blocks[2].next = 0;
    assert_false(scoreboard_has_idle(f->board, 3));
    f->board->blocks[2].next = 1 << 30;
    assert_int_equal(scoreboard_count_idle(f->board, 3), 0);
    f->board->services[3].first_block = -5;
    assert_false(scoreboard_has_idle(f->board, 3));
    f->board->slots[f->a.slot].service = 1 << 20;
    assert_non_null(scoreboard_service_of(&f->a));
}

static void a_place_without_a_board_does_nothing(void **state)
{
    struct scoreboard_place none;

    (void)state;
    unsetenv(SERVICE_SLOT_ENV);
    scoreboard_attach(&none);
    scoreboard_idle(&none);
    scoreboard_busy(&none);
    scoreboard_leave(&none);
    assert_null(scoreboard_service_of(&none));
    assert_false(scoreboard_is_replaced(&none));
}

static void a_client_has_one_number_in_all_workers_and_never_zero(void **state)
{
    struct fixture *f = *state;
    struct scoreboard_place alone = { .board = NULL };
    uint32_t number;

    f->board->secret = siphash_new_key();
    number = scoreboard_client_number(&f->a, STR("192.0.2.1"));
    assert_int_equal(scoreboard_client_number(&f->b, STR("192.0.2.1")), number);
    assert_int_not_equal(number, 0);
    assert_int_not_equal(scoreboard_client_number(&alone, STR("192.0.2.1")), 0);
    f->board->secret = siphash_new_key(); /* the next master's */
    assert_int_not_equal(scoreboard_client_number(&f->b, STR("192.0.2.1")), number);
}

static void a_reload_is_seen_without_a_system_call(void **state)
{
    struct fixture *f = *state;

    assert_false(scoreboard_is_replaced(&f->a));
    f->board->generation++;
    assert_true(scoreboard_is_replaced(&f->a));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(master_sleeps_while_a_sibling_is_idle, set_up, tear_down),
        cmocka_unit_test_setup_teardown(the_last_idle_worker_wakes_master_once, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_bent_chain_is_walked_to_an_end, set_up, tear_down),
        cmocka_unit_test(a_place_without_a_board_does_nothing),
        cmocka_unit_test_setup_teardown(a_client_has_one_number_in_all_workers_and_never_zero,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_reload_is_seen_without_a_system_call, set_up, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
