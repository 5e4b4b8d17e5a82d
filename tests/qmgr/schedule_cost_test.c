/* No queue costs more than (nearly) linear time: steps are counted, for a shape and for one twice as large. */
#include "base/mem.h"
#include "qmgr/schedule.h"
#include "unit.h"

#include <stdio.h>
#include <stdlib.h>

static const struct schedule_transport_rules rules = {
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
static struct schedule_transport *smtp, *retry;
static struct schedule_message *messages;

static void add(struct schedule_transport *t, struct schedule_message *m, const char *site,
                int64_t now)
{
    struct recipient_text text = { .address = STR("u@example") };

    schedule_add(schedule_queue_get(t, str_from(site), str_from(site)), m,
                 recipient_new(&text, 0, 1), 1, now);
}

static const char *site_name(int i)
{
    static char name[20];

    snprintf(name, sizeof name, "site%d", i);
    return name;
}

static bool end(struct schedule_entry *e, enum schedule_result result, int64_t now)
{
    return schedule_done(e, result, now, 300000, STR("4.4.1"), STR("refused"));
}

static void defer_waiting(struct schedule_queue *q, int64_t now)
{
    struct schedule_message *m;
    struct recipient *first;
    int count;

    while ((first = schedule_withdraw(q, &m, &count)) != NULL)
        schedule_add(schedule_queue_get(retry, STR("4.4.1 refused"), STR("4.4.1 refused")), m,
                     first, count, now);
}

static void deliver_all(enum schedule_result result, int64_t *now)
{
    struct schedule_entry *e;

    while ((e = schedule_next(sched, ++*now)) != NULL) {
        struct schedule_queue *q = e->queue;

        if (end(e, q->transport == retry ? SCHEDULE_REACHED : result, *now))
            defer_waiting(q, *now);
    }
}

/* ---- shapes ---- */

static void one_message_to_many_sites(int n)
{
    int64_t now = 0;

    for (int i = 0; i < n; i++)
        add(smtp, &messages[0], site_name(i), 0);
    deliver_all(SCHEDULE_REACHED, &now);
}

/* Each dies at a time of its own, and may be tried again at a time of its own. */
static void many_dead_sites(int n)
{
    int64_t now = 0;

    for (int i = 0; i < n; i++)
        add(smtp, &messages[0], site_name(i), 0);
    deliver_all(SCHEDULE_FAILED, &now);
    assert_true(schedule_message_is_done(&messages[0]));
    while (schedule_wake_at(sched) != INT64_MAX)
        assert_null(schedule_next(sched, schedule_wake_at(sched)));
}

static void many_dead_sites_and_a_flush(int n)
{
    int64_t now = 0;

    for (int i = 0; i < n; i++)
        add(smtp, &messages[0], site_name(i), 0);
    deliver_all(SCHEDULE_FAILED, &now);
    schedule_revive_all(sched);
    assert_true(schedule_wake_at(sched) == INT64_MAX);
}

static void many_messages_to_a_dead_site(int n)
{
    int64_t now = 0;

    for (int i = 0; i < n; i++)
        add(smtp, &messages[i], "dead", i);
    deliver_all(SCHEDULE_FAILED, &now);
}

/* Some of the recipients of an old message come when others have got in line behind it. */
static void an_old_message_that_gets_more(int n)
{
    add(smtp, &messages[0], "site", 0);
    for (int i = 1; i < n; i++)
        add(smtp, &messages[i], "site", i);
    for (int i = 0; i < n; i++)
        add(smtp, &messages[0], "site", n);
}

/* All agents are busy, and small messages look whether they may pass a large one. */
static void small_messages_behind_a_large_one(int n)
{
    struct schedule_entry *e, **flying = mem_alloc((size_t)n * sizeof(struct schedule_entry *));
    int count = 0;

    for (int i = 0; i < n; i++)
        add(smtp, &messages[0], site_name(i / 100), 0);
    for (int i = 1; i < n; i++)
        add(smtp, &messages[i], site_name(i / 100), 0);
    for (int round = 0; round < n / 100; round++) {
        while ((e = schedule_next(sched, round)) != NULL)
            flying[count++] = e;
        while (count)
            end(flying[--count], SCHEDULE_REACHED, round);
    }
    free(flying);
}

/* ---- */

static uint64_t steps_of(void (*shape)(int n), int n)
{
    sched = schedule_new();
    smtp = schedule_add_transport(sched, STR("smtp"), &rules);
    retry = schedule_add_transport(sched, STR("retry"), &rules);
    messages = mem_alloc((size_t)n * sizeof *messages);
    shape(n);
    uint64_t steps = schedule_steps(sched);
    schedule_free(sched);
    free(messages);
    return steps;
}

static void twice_as_much_costs_about_twice_as_much(void **state UNUSED)
{
    static const struct {
        const char *name;
        void (*shape)(int n);
    } shapes[] = {
        { "one message to many sites", one_message_to_many_sites },
        { "many dead sites", many_dead_sites },
        { "many dead sites and a flush", many_dead_sites_and_a_flush },
        { "many messages to a dead site", many_messages_to_a_dead_site },
        { "an old message that gets more", an_old_message_that_gets_more },
        { "small messages behind a large one", small_messages_behind_a_large_one },
    };

    for (size_t i = 0; i < ARRAY_LEN(shapes); i++) {
        uint64_t once = steps_of(shapes[i].shape, 25000), twice = steps_of(shapes[i].shape, 50000);

        print_message("%s: %llu, %llu\n", shapes[i].name, (unsigned long long)once,
                      (unsigned long long)twice);
        assert_true(twice < once * 5 / 2);
        assert_true(twice < 50000ULL * 100);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(twice_as_much_costs_about_twice_as_much) };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
