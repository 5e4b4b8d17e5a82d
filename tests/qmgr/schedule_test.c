#include "base/mem.h"
#include "qmgr/schedule.h"
#include "unit.h"

#include <stdio.h>
#include <stdlib.h>

static const struct schedule_transport_rules plain = {
    .window = { .initial = 5,
                .limit = 20,
                .cohort_limit = 1,
                .positive = { 1, FEEDBACK_CONSTANT },
                .negative = { 1, FEEDBACK_CONSTANT } },
    .recipient_limit = 50,
    .process_limit = 100,
    .slot_cost = 5,
    .slot_loan = 3,
    .slot_discount = 50,
    .minimum_slots = 3,
};

static struct schedule *sched;
static struct schedule_transport *smtp;

static int set_up(void **state)
{
    (void)state;
    sched = schedule_new();
    smtp = schedule_add_transport(sched, STR("smtp"), &plain);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    schedule_free(sched);
    return 0;
}

static struct recipient *some_recipients(int count)
{
    struct recipient *first = NULL;
    char text[40];

    for (int i = count; i > 0; i--) {
        snprintf(text, sizeof text, "u%d@example", i);
        struct recipient_text t = { .address = str_from(text), .orig = str_from(text) };
        struct recipient *r = recipient_new(&t, 0, i);
        r->next = first;
        first = r;
    }
    return first;
}

static void add(struct schedule_message *m, const char *site, int count, int64_t now)
{
    struct schedule_queue *q = schedule_queue_get(smtp, str_from(site), str_from(site));

    schedule_add(q, m, some_recipients(count), count, now);
}

static bool done(struct schedule_entry *e, enum schedule_result result, int64_t now)
{
    return schedule_done(e, result, now, 300000, STR("4.4.1"), STR("refused"));
}

/* ---- */

static void recipients_of_one_site_go_together(void **state)
{
    static struct schedule_message m = { 0 };

    (void)state;
    add(&m, "a", 120, 0);
    assert_int_equal(m.waiting, 120);
    struct schedule_entry *e = schedule_next(sched, 0);
    assert_int_equal(e->count, 50);
    assert_true(e->more);
    assert_string_equal(e->queue->nexthop, "a");
    struct schedule_entry *f = schedule_next(sched, 0), *g = schedule_next(sched, 0);
    assert_int_equal(f->count, 50);
    assert_int_equal(g->count, 20);
    assert_true(g->more);
    assert_null(schedule_next(sched, 0));
    assert_int_equal(m.flying, 120);
    assert_false(done(e, SCHEDULE_REACHED, 1));
    assert_false(done(f, SCHEDULE_REACHED, 1));
    assert_false(schedule_message_is_done(&m));
    assert_false(done(g, SCHEDULE_REACHED, 1));
    assert_true(schedule_message_is_done(&m));
    assert_null(m.jobs);
}

static void a_delivery_that_is_alone_knows_of_no_more_mail(void **state)
{
    static struct schedule_message m = { 0 };

    (void)state;
    add(&m, "a", 1, 0);
    add(&m, "b", 1, 0);
    struct schedule_entry *e = schedule_next(sched, 0), *f = schedule_next(sched, 0);
    assert_false(e->more);
    assert_false(f->more);
    add(&m, "a", 1, 0);
    struct schedule_entry *g = schedule_next(sched, 0);
    assert_true(g->more);
    assert_false(done(e, SCHEDULE_REACHED, 1));
    assert_false(done(f, SCHEDULE_REACHED, 1));
    assert_false(done(g, SCHEDULE_REACHED, 1));
}

static void verp_recipients_go_one_by_one(void **state)
{
    static struct schedule_message m = { .one_by_one = true };

    (void)state;
    add(&m, "a", 3, 0);
    for (int i = 0; i < 3; i++) {
        struct schedule_entry *e = schedule_next(sched, 0);
        assert_int_equal(e->count, 1);
        done(e, SCHEDULE_REACHED, 0);
    }
    assert_true(schedule_message_is_done(&m));
}

static void the_window_bounds_deliveries_to_a_site(void **state)
{
    static struct schedule_message m[30] = { 0 };
    struct schedule_entry *e[30];
    int n = 0;

    (void)state;
    for (int i = 0; i < 30; i++)
        add(&m[i], "a", 1, 0);
    while ((e[n] = schedule_next(sched, 0)) != NULL)
        n++;
    assert_int_equal(n, 5);
    done(e[0], SCHEDULE_REACHED, 1);
    /* One place is free again, and the window has grown by one. */
    assert_non_null(e[0] = schedule_next(sched, 1));
    assert_non_null(e[5] = schedule_next(sched, 1));
    assert_null(schedule_next(sched, 1));
    for (int i = 0; i < 6; i++)
        done(e[i], SCHEDULE_NEITHER, 2);
}

static void the_process_limit_bounds_a_transport(void **state)
{
    struct schedule_transport_rules narrow = plain;
    static struct schedule_message m[10] = { 0 };
    struct schedule_entry *e[10];
    char site[20];
    int n = 0;

    (void)state;
    narrow.process_limit = 3;
    smtp = schedule_add_transport(sched, STR("narrow"), &narrow);
    for (int i = 0; i < 10; i++) {
        snprintf(site, sizeof site, "s%d", i);
        add(&m[i], site, 1, 0);
    }
    while ((e[n] = schedule_next(sched, 0)) != NULL)
        n++;
    assert_int_equal(n, 3);
    for (int i = 0; i < n; i++)
        done(e[i], SCHEDULE_REACHED, 0);
}

static void older_messages_go_first(void **state)
{
    static struct schedule_message m[4] = { 0 };

    (void)state;
    for (int i = 0; i < 4; i++)
        add(&m[i], i & 1 ? "a" : "b", 1, i);
    for (int i = 0; i < 4; i++) {
        struct schedule_entry *e = schedule_next(sched, 10);
        assert_ptr_equal(e->message, &m[i]);
        done(e, SCHEDULE_REACHED, 10);
    }
}

static void sites_of_one_message_take_turns(void **state)
{
    struct schedule_transport_rules single = plain;
    static struct schedule_message m = { 0 };
    char order[7] = "";

    (void)state;
    single.recipient_limit = 1;
    smtp = schedule_add_transport(sched, STR("single"), &single);
    add(&m, "a", 3, 0);
    add(&m, "b", 3, 0);
    for (int i = 0; i < 6; i++) {
        struct schedule_entry *e = schedule_next(sched, 0);
        order[i] = e->queue->nexthop[0];
        done(e, SCHEDULE_REACHED, 0);
    }
    for (int i = 1; i < 6; i++)
        assert_true(order[i] != order[i - 1]);
}

static void a_blocked_site_does_not_hold_up_others(void **state)
{
    static struct schedule_message slow[10] = { 0 }, other = { 0 };
    struct schedule_entry *e[10];
    int n = 0;

    (void)state;
    for (int i = 0; i < 10; i++)
        add(&slow[i], "slow", 1, 0);
    while ((e[n] = schedule_next(sched, 0)) != NULL)
        n++;
    add(&other, "fast", 1, 1);
    struct schedule_entry *f = schedule_next(sched, 1);
    assert_ptr_equal(f->message, &other);
    done(f, SCHEDULE_REACHED, 1);
    for (int i = 0; i < n; i++)
        done(e[i], SCHEDULE_NEITHER, 1);
}

static void a_site_dies_and_comes_back(void **state)
{
    static struct schedule_message m[20] = { 0 };
    struct schedule_queue *q = schedule_queue_get(smtp, STR("a"), STR("a"));
    struct schedule_message *owner;
    struct schedule_entry *e;
    bool died = false;
    int count, taken = 0;

    (void)state;
    for (int i = 0; i < 20; i++)
        add(&m[i], "a", 1, 0);
    while (!died && (e = schedule_next(sched, 0)) != NULL)
        died = done(e, SCHEDULE_FAILED, 1000);
    assert_true(died);
    assert_true(schedule_queue_is_dead(q));
    assert_string_equal(q->reason, "refused");
    assert_string_equal(q->dsn, "4.4.1");
    assert_null(schedule_next(sched, 1000));
    assert_int_equal(schedule_wake_at(sched), 301000);
    for (struct recipient *r; (r = schedule_withdraw(q, &owner, &count)) != NULL; taken += count) {
        assert_true(schedule_message_is_done(owner));
        recipient_free_all(r);
    }
    assert_true(taken > 10);
    add(&m[0], "a", 1, 2000);
    assert_null(schedule_next(sched, 300999));
    e = schedule_next(sched, 301000);
    assert_non_null(e);
    done(e, SCHEDULE_REACHED, 301001);
}

static void a_site_without_mail_is_tried_each_time(void **state)
{
    static struct schedule_message m[12] = { 0 };
    struct schedule_entry *e;

    (void)state;
    for (int i = 0; i < 12; i++) {
        add(&m[i], "a", 1, i);
        e = schedule_next(sched, i);
        assert_non_null(e);
        assert_false(done(e, SCHEDULE_FAILED, i));
    }
}

static void failures_side_by_side_count_together(void **state)
{
    static struct schedule_message m[12] = { 0 };
    struct schedule_entry *e, *next;
    int failures = 1;

    (void)state;
    add(&m[0], "a", 1, 0);
    e = schedule_next(sched, 0);
    for (int i = 1; i < 12; i++, failures++) {
        add(&m[i], "a", 1, 0);
        next = schedule_next(sched, 0);
        if (done(e, SCHEDULE_FAILED, 0))
            break;
        e = next;
    }
    done(next, SCHEDULE_NEITHER, 0);
    assert_true(failures < 6);
}

static void a_dead_transport_delivers_nothing_until_its_time(void **state)
{
    static struct schedule_message m = { 0 };

    (void)state;
    add(&m, "a", 1, 0);
    schedule_kill_transport(smtp, 0, 60000, STR("4.3.0"), STR("gone"));
    assert_null(schedule_next(sched, 59999));
    assert_int_equal(schedule_wake_at(sched), 60000);
    struct schedule_entry *e = schedule_next(sched, 60000);
    assert_non_null(e);
    assert_false(schedule_transport_is_dead(smtp));
    done(e, SCHEDULE_REACHED, 60000);
}

static void a_flush_revives_everything(void **state)
{
    static struct schedule_message m[12] = { 0 };
    struct schedule_entry *e;
    int waiting;

    (void)state;
    for (int i = 0; i < 12; i++)
        add(&m[i], "a", 1, 0);
    for (waiting = 12; !done(schedule_next(sched, 0), SCHEDULE_FAILED, 0); waiting--)
        assert_true(waiting > 1);
    schedule_kill_transport(smtp, 0, 60000, STR("4.3.0"), STR("gone"));
    assert_null(schedule_next(sched, 0));
    schedule_revive_all(sched);
    e = schedule_next(sched, 0);
    assert_non_null(e);
    done(e, SCHEDULE_REACHED, 0);
}

static void a_rate_delay_makes_a_site_wait(void **state)
{
    struct schedule_transport_rules slow = plain;
    static struct schedule_message m[3] = { 0 };

    (void)state;
    slow.destination_delay_ms = 1000;
    smtp = schedule_add_transport(sched, STR("slow"), &slow);
    for (int i = 0; i < 3; i++)
        add(&m[i], "a", 1, 0);
    for (int i = 0; i < 3; i++) {
        struct schedule_entry *e = schedule_next(sched, i * 1000);
        assert_non_null(e);
        assert_null(schedule_next(sched, i * 1000));
        done(e, SCHEDULE_REACHED, i * 1000);
        assert_null(schedule_next(sched, i * 1000 + 999));
        assert_int_equal(schedule_wake_at(sched), (i + 1) * 1000);
    }
}

static void a_transport_rate_delay_spans_all_sites(void **state)
{
    struct schedule_transport_rules slow = plain;
    static struct schedule_message m[2] = { 0 };

    (void)state;
    slow.transport_delay_ms = 1000;
    smtp = schedule_add_transport(sched, STR("slow"), &slow);
    add(&m[0], "a", 1, 0);
    add(&m[1], "b", 1, 0);
    struct schedule_entry *e = schedule_next(sched, 0);
    assert_null(schedule_next(sched, 0));
    done(e, SCHEDULE_REACHED, 500);
    assert_null(schedule_next(sched, 1499));
    assert_int_equal(schedule_wake_at(sched), 1500);
    e = schedule_next(sched, 1500);
    assert_non_null(e);
    done(e, SCHEDULE_REACHED, 1500);
}

/* A mailing list with one recipient a delivery, then a single message. */
static int deliveries_before_the_small_one(const struct schedule_transport_rules *rules)
{
    static struct schedule_message list, small;
    int before = 0;

    smtp = schedule_add_transport(sched, STR("list"), rules);
    for (int i = 0; i < 200; i++) {
        char site[20];
        snprintf(site, sizeof site, "l%d", i);
        add(&list, site, 1, 0);
    }
    add(&small, "single", 1, 10);
    while (!schedule_message_is_done(&list) || !schedule_message_is_done(&small)) {
        struct schedule_entry *e = schedule_next(sched, 5000);
        assert_non_null(e);
        if (e->message == &list && !schedule_message_is_done(&small))
            before++;
        done(e, SCHEDULE_REACHED, 5000);
    }
    return before;
}

static void a_small_message_passes_a_large_one(void **state)
{
    (void)state;
    assert_int_equal(deliveries_before_the_small_one(&plain), 0);
}

static void without_slots_a_small_message_waits_its_turn(void **state)
{
    struct schedule_transport_rules strict = plain;

    (void)state;
    strict.slot_cost = 0;
    assert_int_equal(deliveries_before_the_small_one(&strict), 200);
}

static void without_a_loan_slots_are_earned_first(void **state)
{
    struct schedule_transport_rules strict = plain;

    (void)state;
    strict.slot_loan = 0;
    strict.slot_discount = 0;
    assert_int_equal(deliveries_before_the_small_one(&strict), 5);
}

static void small_messages_cannot_starve_a_large_one(void **state)
{
    struct schedule_transport_rules rules = plain;
    static struct schedule_message list = { 0 }, small[1000] = { 0 };
    int list_done = 0, small_done = 0;

    (void)state;
    rules.recipient_limit = 1;
    smtp = schedule_add_transport(sched, STR("list"), &rules);
    add(&list, "big", 100, 0);
    for (int i = 0; i < 1000; i++) {
        char site[20];
        snprintf(site, sizeof site, "s%d", i);
        add(&small[i], site, 1, i);
    }
    while (list_done < 100) {
        struct schedule_entry *e = schedule_next(sched, 100000);
        e->message == &list ? list_done++ : small_done++;
        done(e, SCHEDULE_REACHED, 100000);
    }
    /* One slot for five deliveries, and the loan. */
    assert_in_range(small_done, 15, 30);
}

static void the_memory_of_a_waiting_message_is_small(void **state)
{
    struct recipient *r = some_recipients(1);

    (void)state;
    /* Original recipient equal to the address, and the usual ORCPT, take no room of their own. */
    struct recipient_text t = { STR("somebody@example.com"), STR("somebody@example.com"),
                                STR("rfc822;somebody@example.com") };
    struct recipient *s = recipient_new(&t, 0, 1);
    char scratch[100];
    assert_true(str_equal(recipient_orcpt(s, scratch), t.orcpt));
    assert_true(str_equal(recipient_orig(s), t.orig));
    assert_int_equal(s->orig_len + s->orcpt_len, 0);
    recipient_free_all(r);
    recipient_free_all(s);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(recipients_of_one_site_go_together),
        TEST(a_delivery_that_is_alone_knows_of_no_more_mail),
        TEST(verp_recipients_go_one_by_one),
        TEST(the_window_bounds_deliveries_to_a_site),
        TEST(the_process_limit_bounds_a_transport),
        TEST(older_messages_go_first),
        TEST(sites_of_one_message_take_turns),
        TEST(a_blocked_site_does_not_hold_up_others),
        TEST(a_site_dies_and_comes_back),
        TEST(a_site_without_mail_is_tried_each_time),
        TEST(failures_side_by_side_count_together),
        TEST(a_dead_transport_delivers_nothing_until_its_time),
        TEST(a_flush_revives_everything),
        TEST(a_rate_delay_makes_a_site_wait),
        TEST(a_transport_rate_delay_spans_all_sites),
        TEST(a_small_message_passes_a_large_one),
        TEST(without_slots_a_small_message_waits_its_turn),
        TEST(without_a_loan_slots_are_earned_first),
        TEST(small_messages_cannot_starve_a_large_one),
        TEST(the_memory_of_a_waiting_message_is_small),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
