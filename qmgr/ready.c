/* Destinations that may deliver, and those that sleep. */
#include "qmgr/schedule_internal.h"

/* Destinations of one job take turns. */
bool schedule_goes_first(const void *pa, const void *pb)
{
    const struct schedule_queue *a = pa, *b = pb;
    int64_t rank_a = schedule_head_peer(a)->job->rank, rank_b = schedule_head_peer(b)->job->rank;

    return rank_a != rank_b ? rank_a < rank_b : a->served < b->served;
}

bool schedule_wakes_first(const void *a, const void *b)
{
    return ((const struct schedule_queue *)a)->sleep_until <
           ((const struct schedule_queue *)b)->sleep_until;
}

static bool may_deliver(const struct schedule_queue *q)
{
    return q->waiting > 0 && q->sleep_until == 0 && q->busy < q->window.size;
}

void schedule_queue_update(struct schedule_queue *q)
{
    struct heap *ready = &q->transport->ready;

    if (!may_deliver(q)) {
        if (schedule_queue_is_ready(q))
            heap_remove(ready, q);
    } else if (schedule_queue_is_ready(q)) {
        heap_update(ready, q);
    } else {
        heap_add(ready, q);
    }
}

void schedule_queue_sleep(struct schedule_queue *q, int64_t until)
{
    struct heap *sleepers = &q->transport->schedule->sleepers;
    bool slept = q->sleep_until != 0;

    q->sleep_until = until;
    if (slept)
        heap_update(sleepers, q);
    else
        heap_add(sleepers, q);
    schedule_queue_update(q);
}

void schedule_queue_awake(struct schedule_queue *q)
{
    if (q->sleep_until == 0)
        return;
    q->sleep_until = 0;
    heap_remove(&q->transport->schedule->sleepers, q);
    schedule_queue_update(q);
}
