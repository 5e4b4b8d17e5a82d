#pragma once
/* qmgr/schedule - which recipients are delivered next.  Pure: time is an argument (milliseconds of
 * a clock that only moves forward), no descriptors, no files.
 *
 * A message has one job for each transport it needs; a job has one peer for each destination; a
 * peer holds the recipients that wait for that destination.  A destination ("queue") has a window
 * of deliveries that may run at once, learnt by feedback.  schedule_next() picks a peer and makes
 * an entry of up to `recipient_limit` of its recipients; schedule_done() gives the result back.
 *
 * Jobs are served in order of arrival, and inside a job round robin over its destinations.  Every
 * entry taken from a job earns credit; a small job may pass a large one that has earned (or may
 * borrow) enough (delivery slots).  Destinations that may deliver stand in a heap ordered by the
 * rank of their first job, so that thousands of messages for a blocked destination cost nothing. */
#include "base/heap.h"
#include "base/list.h"
#include "base/map.h"
#include "qmgr/feedback.h"
#include "qmgr/recipient.h"

/* Recipients of one delivery take about so many bytes of a request at most. */
#define SCHEDULE_ENTRY_BYTES (2500UL * 1024)

struct schedule_transport_rules {
    struct window_rules window;
    int recipient_limit; /* of one delivery; 0: no limit */
    int process_limit;   /* deliveries at once; 0: no limit */
    int slot_cost, slot_loan, slot_discount, minimum_slots;
    int64_t destination_delay_ms, transport_delay_ms; /* rate delays */
};

struct schedule;
struct schedule_job;

/* Embedded by the owner's message. */
struct schedule_message {
    struct schedule_job *jobs;
    int32_t waiting; /* recipients that wait */
    int32_t flying;  /* recipients in entries that are being delivered */
    bool one_by_one; /* one recipient a delivery, whatever the transport allows */
};

struct schedule_transport {
    struct schedule *schedule;
    struct schedule_transport *next;
    struct schedule_transport_rules rules;
    struct map queues;
    struct list jobs;  /* by arrival */
    struct heap ready; /* destinations that may deliver now */
    struct list idle;  /* destinations without mail, oldest first: they keep their window */
    int idle_count;
    int busy;                 /* entries under way */
    int64_t recipients;       /* waiting and under way */
    int64_t rank, front_rank; /* next rank at the end, last one given at the front */
    int64_t dead_until;       /* 0: alive */
    int64_t not_before;       /* rate delay */
    int64_t next_search;      /* for a job that may pass */
    char *dsn, *reason;       /* why it is dead */
    void *owner;              /* the caller's */
    char name[];
};

struct schedule_queue {
    struct schedule_transport *transport;
    struct list peers; /* waiting, by rank of their job */
    struct list node;  /* in the idle ones of the transport */
    struct window window;
    int busy;
    int waiting;         /* recipients */
    size_t place;        /* in the ready ones of the transport */
    size_t bed;          /* in the sleepers of the schedule */
    uint64_t served;     /* serial of the last entry taken */
    int64_t sleep_until; /* dead or rate delay; 0: awake */
    char *dsn, *reason;  /* why it is dead */
    char *nexthop;       /* in `key`, or behind it */
    bool is_idle;
    char key[];
};

/* One delivery. */
struct schedule_entry {
    struct schedule_message *message;
    struct schedule_queue *queue;
    struct recipient *recipients;
    int count;
    bool more; /* for the same destination waits or is under way: a session will be of use again */
};

struct schedule *schedule_new(void);
/* For tests. */
void schedule_free(struct schedule *s);

/* NULL if no mail has needed it yet. */
struct schedule_transport *schedule_find_transport(struct schedule *s, struct str name);
struct schedule_transport *schedule_add_transport(struct schedule *s, struct str name,
                                                  const struct schedule_transport_rules *rules);
/* `key` tells destinations apart (the nexthop, or nexthop and recipient when one delivery takes one
 * recipient); created on demand. */
struct schedule_queue *schedule_queue_get(struct schedule_transport *t, struct str key,
                                          struct str nexthop);

/* Give `count` recipients of a message to a destination. */
void schedule_add(struct schedule_queue *q, struct schedule_message *m, struct recipient *first,
                  int count, int64_t now);
/* The next delivery, or NULL: nothing may be delivered now.  The entry is the caller's until
 * schedule_done(). */
struct schedule_entry *schedule_next(struct schedule *s, int64_t now);

enum schedule_result {
    SCHEDULE_REACHED, /* the site was reached, whatever it said */
    SCHEDULE_FAILED,  /* the site as a whole failed: negative feedback */
    SCHEDULE_NEITHER, /* the delivery agent failed; says nothing about the site */
};
/* Ends a delivery and frees the entry and its recipients.  With SCHEDULE_FAILED the destination
 * may die: it sleeps for `dead_ms`, `dsn` and `reason` are kept for what is deferred meanwhile,
 * and true is returned: the caller then takes the waiting recipients out with
 * schedule_withdraw(). */
bool schedule_done(struct schedule_entry *e, enum schedule_result result, int64_t now,
                   int64_t dead_ms, struct str dsn, struct str reason);

static inline bool schedule_queue_is_dead(const struct schedule_queue *q)
{
    return q->window.size == 0;
}
static inline bool schedule_transport_is_dead(const struct schedule_transport *t)
{
    return t->dead_until != 0;
}
/* No delivery by this transport for `dead_ms`. */
void schedule_kill_transport(struct schedule_transport *t, int64_t now, int64_t dead_ms,
                             struct str dsn, struct str reason);
void schedule_revive_transport(struct schedule_transport *t);
void schedule_revive_queue(struct schedule_queue *q);
/* All dead destinations and transports count as alive. */
void schedule_revive_all(struct schedule *s);

/* Take all waiting recipients of one message off a destination; NULL: nobody waits. */
struct recipient *schedule_withdraw(struct schedule_queue *q, struct schedule_message **m,
                                    int *count);
/* Any destination of the transport with waiting recipients, or NULL. */
struct schedule_queue *schedule_waiting_queue(struct schedule_transport *t);
/* The destination (of any transport) for which most recipients wait; NULL when nothing waits. */
struct schedule_queue *schedule_busiest_queue(struct schedule *s);

/* When schedule_next() may have something to say without a new event; INT64_MAX: never. */
int64_t schedule_wake_at(const struct schedule *s);
static inline bool schedule_message_is_done(const struct schedule_message *m)
{
    return m->waiting == 0 && m->flying == 0;
}
struct schedule_transport *schedule_first_transport(const struct schedule *s);
/* Waiting and under way. */
int64_t schedule_recipients(const struct schedule *s);
/* For tests.  How many things were looked at so far: what has a cost beside that of the calls themselves. */
uint64_t schedule_steps(const struct schedule *s);
