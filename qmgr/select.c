/* What comes next. */
#include "qmgr/schedule_internal.h"

/* Jobs and destinations looked at in one search for one that may pass; the list begins with those that
 * wait longest. */
#define SEARCH_MAX      1000
#define SEARCH_PAUSE_MS 1000

static int64_t transport_wake_at(const struct schedule_transport *t)
{
    if (t->dead_until)
        return t->dead_until;
    return t->not_before && t->ready.count && t->busy == 0 ? t->not_before : INT64_MAX;
}

int64_t schedule_wake_at(const struct schedule *s)
{
    const struct schedule_queue *first = heap_first(&s->sleepers);
    int64_t at = first ? first->sleep_until : INT64_MAX;

    for (const struct schedule_transport *t = s->transports; t; t = t->next)
        at = MIN(at, transport_wake_at(t));
    return at;
}

/* ---- small jobs that pass large ones ---- */

/* Looks at no more than `*left` of its destinations. */
static bool job_may_deliver(const struct schedule_job *j, int *left)
{
    for (const struct schedule_peer *p = j->peers; p && *left > 0; p = p->next_in_job) {
        --*left;
        j->transport->schedule->steps++;
        if (schedule_queue_is_ready(p->queue))
            return true;
    }
    return false;
}

/* The job that has waited longest for each of its entries. */
static struct schedule_job *find_passer(struct schedule_transport *t,
                                        const struct schedule_job *current, int64_t now)
{
    struct schedule_job *best = NULL;
    int64_t best_merit = -1;
    int left = SEARCH_MAX;

    LIST_FOREACH(&t->jobs, node)
    {
        struct schedule_job *j = LIST_ITEM(node, struct schedule_job, node);
        int64_t merit;

        if (left-- <= 0)
            break;
        t->schedule->steps++;
        /* A job that stands before the present one is already served when it can be. */
        if (j->rank <= current->rank || j->waiting <= 0 || !job_may_deliver(j, &left))
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
        t->schedule->steps++;
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
    if (t->ready.count == 0 || t->dead_until || now < t->not_before)
        return false;
    return t->rules.process_limit <= 0 || t->busy < t->rules.process_limit;
}

static struct schedule_entry *take_from(struct schedule_transport *t, int64_t now)
{
    let_one_pass(t, schedule_head_peer(heap_first(&t->ready))->job, now);
    return schedule_take_entry(schedule_head_peer(heap_first(&t->ready)), now);
}

static void wake_sleepers(struct schedule *s, int64_t now)
{
    struct schedule_queue *q;

    while ((q = heap_first(&s->sleepers)) != NULL && q->sleep_until <= now)
        schedule_queue_wake(q);
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
