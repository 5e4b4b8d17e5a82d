/* A day of mail to a thousand destinations, some slow, some failing, in simulated time. */
#include "base/mem.h"
#include "qmgr/backoff.h"
#include "qmgr/schedule.h"
#include "unit.h"

#include <stdio.h>
#include <stdlib.h>

#define SITES     1000
#define MESSAGES  20000
#define DAY_MS    86400000LL
#define MINIMAL_S 300
#define MAXIMAL_S 4000
#define IN_FLIGHT 100

struct sim_message {
    struct schedule_message core;
    int site;
    int recipients;
    int64_t arrival, wait_until; /* ms */
    int attempts;
    bool finished, deferred;
};

struct flight {
    struct schedule_entry *entry;
    int64_t ends;
};

static struct sim_message *messages;
static struct schedule *sched;
static struct schedule_transport *smtp;
static struct flight flights[IN_FLIGHT + 1];
static int flying, finished, longest_wait_s;
static int busy_at[SITES];
static uint64_t seed = 42;

static uint32_t draw(uint32_t below)
{
    seed = seed * 6364136223846793005ULL + 1442695040888963407ULL;
    return (uint32_t)(seed >> 33) % below;
}

/* Every tenth site is down until noon, every seventh is slow. */
static bool is_down(int site, int64_t now) { return site % 10 == 3 && now < DAY_MS / 2; }
static int64_t duration(int site, int64_t now)
{
    return is_down(site, now) ? 30000 : site % 7 == 0 ? 20000 : 300;
}

static void put_off(struct sim_message *m, int64_t now)
{
    m->deferred = true;
    m->wait_until = now + backoff_delay(now / 1000, m->arrival / 1000, MINIMAL_S, MAXIMAL_S) * 1000;
}

static void enter(struct sim_message *m, int64_t now)
{
    char site[20];
    struct recipient *first = NULL;

    m->deferred = false;
    snprintf(site, sizeof site, "site%d", m->site);
    struct schedule_queue *q = schedule_queue_get(smtp, str_from(site), str_from(site));
    if (schedule_queue_is_dead(q)) {
        put_off(m, now);
        return;
    }
    for (int i = 0; i < m->recipients; i++) {
        struct recipient_text t = { .address = STR("u@example") };
        struct recipient *r = recipient_new(&t, 0, 1);
        r->next = first;
        first = r;
    }
    schedule_add(q, &m->core, first, m->recipients, now);
}

static void bury(struct schedule_queue *q, int64_t now)
{
    struct schedule_message *core;
    struct recipient *r;
    int count;

    while ((r = schedule_withdraw(q, &core, &count)) != NULL) {
        recipient_free_all(r);
        struct sim_message *m = CONTAINER_OF(core, struct sim_message, core);
        if (schedule_message_is_done(core))
            put_off(m, now);
    }
}

static void take_off(int64_t now)
{
    struct schedule_entry *e;

    while ((e = schedule_next(sched, now)) != NULL) {
        struct sim_message *m = CONTAINER_OF(e->message, struct sim_message, core);
        assert_in_range(++busy_at[m->site], 1, 20);
        assert_true(e->queue->busy <= MAX(e->queue->window.size, e->queue->busy));
        assert_false(schedule_queue_is_dead(e->queue));
        assert_in_range(e->count, 1, 50);
        assert_true(flying < IN_FLIGHT);
        flights[flying++] = (struct flight){ e, now + duration(m->site, now) };
    }
}

static void land(int which, int64_t now)
{
    struct schedule_entry *e = flights[which].entry;
    struct sim_message *m = CONTAINER_OF(e->message, struct sim_message, core);
    struct schedule_queue *q = e->queue;
    bool down = is_down(m->site, now);

    flights[which] = flights[--flying];
    busy_at[m->site]--;
    m->attempts++;
    if (schedule_done(e, down ? SCHEDULE_FAILED : SCHEDULE_REACHED, now, MINIMAL_S * 1000,
                      STR("4.4.1"), STR("down")))
        bury(q, now);
    if (!schedule_message_is_done(&m->core) || m->finished)
        return;
    if (down) {
        put_off(m, now);
        return;
    }
    m->finished = true;
    finished++;
    if (m->site % 10 != 3 && m->site % 7 != 0)
        longest_wait_s = MAX(longest_wait_s, (int)((now - m->arrival) / 1000));
}

static void every_message_ends_and_nobody_starves(void **state)
{
    static const struct schedule_transport_rules rules = {
        .window = { 5, 20, 1, { 1, FEEDBACK_CONSTANT }, { 1, FEEDBACK_CONSTANT } },
        .recipient_limit = 50,
        .process_limit = IN_FLIGHT,
        .slot_cost = 5,
        .slot_loan = 3,
        .slot_discount = 50,
        .minimum_slots = 3,
    };
    int64_t now = 0;

    (void)state;
    sched = schedule_new();
    smtp = schedule_add_transport(sched, STR("smtp"), &rules);
    messages = mem_alloc(MESSAGES * sizeof *messages);
    for (int i = 0; i < MESSAGES; i++)
        messages[i] = (struct sim_message){ .site = (int)draw(SITES),
                                            .recipients = draw(50) ? 1 + (int)draw(3) : 400,
                                            .arrival = (int64_t)i * (DAY_MS / 2 / MESSAGES),
                                            .deferred = true };
    for (int i = 0; i < MESSAGES; i++)
        messages[i].wait_until = messages[i].arrival;
    for (; finished < MESSAGES && now < 2 * DAY_MS; now += 500) {
        if (now % 10000 == 0)
            for (int i = 0; i < MESSAGES && messages[i].arrival <= now; i++)
                if (messages[i].deferred && messages[i].wait_until <= now)
                    enter(&messages[i], now);
        for (int i = 0; i < flying;)
            if (flights[i].ends <= now)
                land(i, now);
            else
                i++;
        take_off(now);
    }
    assert_int_equal(finished, MESSAGES);
    /* Mail for healthy sites hardly notices the others. */
    assert_in_range(longest_wait_s, 0, 900);
    free(messages);
    schedule_free(sched);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(every_message_ends_and_nobody_starves) };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
