#include "base/mem.h"
#include "qmgr/schedule_internal.h"

/* Jobs looked at in one search for one that may pass; the list begins with those that wait
 * longest. */
#define SEARCH_MAX      1000
#define SEARCH_PAUSE_MS 1000

/* ---- the heap of destinations that may deliver ---- */

static struct schedule_peer *head_peer(const struct schedule_queue *q)
{
    return LIST_FIRST(&q->peers, struct schedule_peer, node);
}

/* Does `a` go before `b`?  Destinations of one job take turns. */
static bool goes_first(const struct schedule_queue *a, const struct schedule_queue *b)
{
    int64_t rank_a = head_peer(a)->job->rank, rank_b = head_peer(b)->job->rank;

    return rank_a != rank_b ? rank_a < rank_b : a->served < b->served;
}

static void heap_set(struct schedule_transport *t, size_t at, struct schedule_queue *q)
{
    t->ready[at] = q;
    q->place = at;
}

static void heap_rise(struct schedule_transport *t, size_t at)
{
    struct schedule_queue *q = t->ready[at];

    while (at > 0 && goes_first(q, t->ready[(at - 1) / 2])) {
        heap_set(t, at, t->ready[(at - 1) / 2]);
        at = (at - 1) / 2;
    }
    heap_set(t, at, q);
}

static void heap_sink(struct schedule_transport *t, size_t at)
{
    struct schedule_queue *q = t->ready[at];

    for (;;) {
        size_t child = 2 * at + 1;

        if (child + 1 < t->ready_count && goes_first(t->ready[child + 1], t->ready[child]))
            child++;
        if (child >= t->ready_count || !goes_first(t->ready[child], q))
            break;
        heap_set(t, at, t->ready[child]);
        at = child;
    }
    heap_set(t, at, q);
}

static void heap_remove(struct schedule_transport *t, struct schedule_queue *q)
{
    size_t at = q->place;
    struct schedule_queue *last = t->ready[--t->ready_count];

    q->place = SIZE_MAX;
    if (last == q)
        return;
    heap_set(t, at, last);
    heap_rise(t, at);
    heap_sink(t, last->place);
}

static void heap_add(struct schedule_transport *t, struct schedule_queue *q)
{
    if (t->ready_count == t->ready_room) {
        t->ready_room = t->ready_room ? t->ready_room * 2 : 8;
        t->ready = mem_resize(t->ready, t->ready_room * sizeof(struct schedule_queue *));
    }
    heap_set(t, t->ready_count++, q);
    heap_rise(t, q->place);
}

static bool may_deliver(const struct schedule_queue *q)
{
    return q->waiting > 0 && q->sleep_until == 0 && q->busy < q->window.size;
}

void schedule_queue_update(struct schedule_queue *q)
{
    struct schedule_transport *t = q->transport;

    if (!may_deliver(q)) {
        if (q->place != SIZE_MAX)
            heap_remove(t, q);
    } else if (q->place == SIZE_MAX) {
        heap_add(t, q);
    } else {
        heap_rise(t, q->place);
        heap_sink(t, q->place);
    }
}

/* ---- sleep ---- */

void schedule_queue_sleep(struct schedule_queue *q, int64_t until)
{
    struct schedule *s = q->transport->schedule;

    if (q->sleep_until == 0)
        list_append(&s->sleepers, &q->node);
    q->sleep_until = until;
    if (s->wake_at == 0 || until < s->wake_at)
        s->wake_at = until;
    schedule_queue_update(q);
}

void schedule_queue_awake(struct schedule_queue *q)
{
    if (q->sleep_until == 0)
        return;
    q->sleep_until = 0;
    list_remove(&q->node);
    schedule_queue_update(q);
    schedule_queue_settle(q);
}

static void wake_queue(struct schedule_queue *q)
{
    if (schedule_queue_is_dead(q))
        schedule_revive_queue(q);
    else
        schedule_queue_awake(q);
}

static void wake_sleepers(struct schedule *s, int64_t now)
{
    if (s->wake_at == 0 || now < s->wake_at)
        return;
    s->wake_at = 0;
    LIST_FOREACH(&s->sleepers, node)
    {
        struct schedule_queue *q = LIST_ITEM(node, struct schedule_queue, node);

        if (q->sleep_until <= now)
            wake_queue(q);
        else if (s->wake_at == 0 || q->sleep_until < s->wake_at)
            s->wake_at = q->sleep_until;
    }
}

static int64_t transport_wake_at(const struct schedule_transport *t)
{
    if (t->dead_until)
        return t->dead_until;
    return t->not_before && t->ready_count && t->busy == 0 ? t->not_before : INT64_MAX;
}

int64_t schedule_wake_at(const struct schedule *s)
{
    int64_t at = s->wake_at ? s->wake_at : INT64_MAX;

    for (const struct schedule_transport *t = s->transports; t; t = t->next)
        at = MIN(at, transport_wake_at(t));
    return at;
}

/* ---- small jobs that pass large ones ---- */

static bool job_may_deliver(const struct schedule_job *j)
{
    for (const struct schedule_peer *p = j->peers; p; p = p->next_in_job)
        if (p->queue->place != SIZE_MAX)
            return true;
    return false;
}

/* The job that has waited longest for each of its entries. */
static struct schedule_job *find_passer(struct schedule_transport *t,
                                        const struct schedule_job *current, int64_t now)
{
    struct schedule_job *best = NULL;
    int64_t best_merit = -1;
    int looked = 0;

    LIST_FOREACH(&t->jobs, node)
    {
        struct schedule_job *j = LIST_ITEM(node, struct schedule_job, node);
        int64_t merit;

        if (++looked > SEARCH_MAX)
            break;
        /* A job that stands before the present one is already served when it can be. */
        if (j->rank <= current->rank || j->waiting <= 0 || !job_may_deliver(j))
            continue;
        merit = (now - j->since + 1000) / j->waiting;
        if (merit > best_merit) {
            best = j;
            best_merit = merit;
        }
    }
    return best;
}

/* To the front of the transport, and so of each of its destinations. */
static void job_to_front(struct schedule_job *j)
{
    struct schedule_transport *t = j->transport;

    j->rank = --t->front_rank;
    for (struct schedule_peer *p = j->peers; p; p = p->next_in_job) {
        list_remove(&p->node);
        list_prepend(&p->queue->peers, &p->node);
        schedule_queue_update(p->queue);
    }
}

static void let_one_pass(struct schedule_transport *t, struct schedule_job *current, int64_t now)
{
    const struct schedule_transport_rules *r = &t->rules;

    if (r->slot_cost < 2 || current->total < r->minimum_slots * r->slot_cost ||
        now < t->next_search)
        return;
    int slots = current->credit / r->slot_cost + r->slot_loan;
    if (slots * 100 < 100 - r->slot_discount)
        return;
    struct schedule_job *passer = find_passer(t, current, now);
    if (passer == NULL) {
        t->next_search = now + SEARCH_PAUSE_MS;
        return;
    }
    if ((int64_t)slots * 100 < (int64_t)passer->waiting * (100 - r->slot_discount))
        return;
    current->credit -= passer->waiting * r->slot_cost;
    job_to_front(passer);
}

/* ---- the choice ---- */

static bool transport_may_deliver(const struct schedule_transport *t, int64_t now)
{
    if (t->ready_count == 0 || t->dead_until || now < t->not_before)
        return false;
    return t->rules.process_limit <= 0 || t->busy < t->rules.process_limit;
}

static struct schedule_entry *take_from(struct schedule_transport *t, int64_t now)
{
    let_one_pass(t, head_peer(t->ready[0])->job, now);
    return schedule_take_entry(head_peer(t->ready[0]), now);
}

struct schedule_entry *schedule_next(struct schedule *s, int64_t now)
{
    struct schedule_transport *t = s->last;

    wake_sleepers(s, now);
    for (struct schedule_transport *each = s->transports; each; each = each->next) {
        if (each->dead_until && each->dead_until <= now)
            schedule_revive_transport(each);
        t = t && t->next ? t->next : s->transports;
        if (transport_may_deliver(t, now)) {
            s->last = t;
            return take_from(t, now);
        }
    }
    return NULL;
}
