#pragma once
/* Between ready.c (who may deliver), schedule.c (what there is) and select.c (what comes next). */
#include "qmgr/schedule.h"

struct schedule {
    struct schedule_transport *transports;
    struct schedule_transport *last; /* that delivered: round robin */
    struct map by_name;
    struct heap
        sleepers; /* destinations that are dead or wait out a rate delay, first to wake first */
    uint64_t serial;
    int64_t recipients; /* of all transports */
    uint64_t steps;     /* of walks, for tests: see schedule_steps() */
};

/* A message's share of a transport. */
struct schedule_job {
    struct list node; /* in the transport, by arrival */
    struct schedule_job *next_in_message;
    struct schedule_message *message;
    struct schedule_transport *transport;
    struct schedule_peer *peers;
    int64_t rank; /* lower goes first */
    int64_t since;
    int waiting; /* entries not yet taken */
    int total;   /* entries it has had */
    int credit;  /* entries taken, less what was paid to jobs that passed */
};

/* A job's recipients for one destination. */
struct schedule_peer {
    struct list node; /* in the destination, by rank */
    struct schedule_peer *next_in_job, **link;
    struct schedule_job *job;
    struct schedule_queue *queue;
    struct recipient *first, *last;
    int count;
};

static inline struct schedule_peer *schedule_head_peer(const struct schedule_queue *q)
{
    return LIST_FIRST(&q->peers, struct schedule_peer, node);
}

/* ready.c */
/* Orders of the two heaps. */
heap_before_fn schedule_goes_first, schedule_wakes_first;
static inline bool schedule_queue_is_ready(const struct schedule_queue *q)
{
    return q->place != HEAP_NOWHERE;
}
/* Put a destination into, move it in, or take it out of the heap of its transport. */
void schedule_queue_update(struct schedule_queue *q);
void schedule_queue_sleep(struct schedule_queue *q, int64_t until);
void schedule_queue_awake(struct schedule_queue *q);

/* schedule.c */
/* Its time has come. */
void schedule_queue_wake(struct schedule_queue *q);
struct schedule_entry *schedule_take_entry(struct schedule_peer *p, int64_t now);
