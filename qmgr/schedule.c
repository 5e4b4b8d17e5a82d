#include "qmgr/schedule.h"

#include "base/mem.h"
#include "qmgr/schedule_internal.h"

#include <stdlib.h>

/* Idle destinations that keep how much they could take. */
#define IDLE_QUEUES_MAX 200

struct schedule *schedule_new(void)
{
    struct schedule *s = mem_alloc(sizeof *s);

    s->sleepers = HEAP_INIT(struct schedule_queue, bed, schedule_wakes_first);
    return s;
}

static void forget_reason(char **dsn, char **reason)
{
    free(*dsn);
    free(*reason);
    *dsn = *reason = NULL;
}

static void queue_free(struct schedule_queue *q)
{
    forget_reason(&q->dsn, &q->reason);
    free(q);
}

struct schedule_transport *schedule_first_transport(const struct schedule *s)
{
    return s->transports;
}

int64_t schedule_recipients(const struct schedule *s) { return s->recipients; }

uint64_t schedule_steps(const struct schedule *s)
{
    uint64_t steps = s->steps + s->sleepers.steps;

    for (const struct schedule_transport *t = s->transports; t; t = t->next)
        steps += t->ready.steps;
    return steps;
}

struct schedule_transport *schedule_find_transport(struct schedule *s, struct str name)
{
    return map_get(&s->by_name, name);
}

struct schedule_transport *schedule_add_transport(struct schedule *s, struct str name,
                                                  const struct schedule_transport_rules *rules)
{
    struct schedule_transport *t = mem_alloc(sizeof *t + name.len + 1);

    memcpy(t->name, name.ptr, name.len);
    t->schedule = s;
    t->rules = *rules;
    if (t->rules.destination_delay_ms)
        t->rules.window.limit = t->rules.window.initial = 1;
    if (t->rules.transport_delay_ms)
        t->rules.process_limit = 1;
    t->ready = HEAP_INIT(struct schedule_queue, place, schedule_goes_first);
    list_init(&t->jobs);
    list_init(&t->idle);
    map_set(&s->by_name, name, t);
    t->next = s->transports;
    s->transports = t;
    return t;
}

static void queue_not_idle(struct schedule_queue *q)
{
    if (!q->is_idle)
        return;
    q->is_idle = false;
    q->transport->idle_count--;
    list_remove(&q->node);
    window_forget_failures(&q->window, &q->transport->rules.window);
}

static void queue_drop(struct schedule_queue *q)
{
    queue_not_idle(q);
    map_remove(&q->transport->queues, str_from(q->key));
    queue_free(q);
}

/* Without mail and awake a destination is only a memory. */
static void settle(struct schedule_queue *q)
{
    struct schedule_transport *t = q->transport;

    if (q->busy || q->waiting || q->sleep_until || q->is_idle)
        return;
    q->is_idle = true;
    list_append(&t->idle, &q->node);
    if (++t->idle_count > IDLE_QUEUES_MAX)
        queue_drop(LIST_ITEM(t->idle.next, struct schedule_queue, node));
}

static void put_text(char *to, struct str s)
{
    for (size_t i = 0; i < s.len; i++)
        to[i] = (char)(s.ptr[i] ? s.ptr[i] : '?');
}

static char *copy_text(struct str s)
{
    char *text = mem_alloc(s.len + 1);

    put_text(text, s);
    return text;
}

struct schedule_queue *schedule_queue_get(struct schedule_transport *t, struct str key,
                                          struct str nexthop)
{
    struct schedule_queue *q = map_get(&t->queues, key);
    bool same = str_equal(key, nexthop);

    if (q)
        return q;
    q = mem_alloc(sizeof *q + key.len + 1 + (same ? 0 : nexthop.len + 1));
    q->transport = t;
    q->place = q->bed = HEAP_NOWHERE;
    q->nexthop = same ? q->key : q->key + key.len + 1;
    put_text(q->key, key);
    put_text(q->nexthop, nexthop);
    list_init(&q->peers);
    list_init(&q->node);
    window_init(&q->window, &t->rules.window);
    map_set(&t->queues, str_from(q->key), q);
    settle(q);
    return q;
}

/* ---- jobs and peers ---- */

static int limit_of(const struct schedule_job *j)
{
    return j->message->one_by_one ? 1 : j->transport->rules.recipient_limit;
}

static int entries_of(const struct schedule_job *j, int recipients)
{
    int limit = limit_of(j);

    return limit > 0 ? (recipients + limit - 1) / limit : recipients > 0;
}

static struct schedule_job *job_get(struct schedule_transport *t, struct schedule_message *m,
                                    int64_t now)
{
    struct schedule_job *j;

    for (j = m->jobs; j; j = j->next_in_message)
        if (j->transport == t)
            return j;
    j = mem_alloc(sizeof *j);
    j->message = m;
    j->transport = t;
    j->since = now;
    j->rank = ++t->rank;
    j->next_in_message = m->jobs;
    m->jobs = j;
    list_append(&t->jobs, &j->node);
    return j;
}

static void job_free(struct schedule_job *j)
{
    struct schedule_job **at = &j->message->jobs;

    while (*at != j)
        at = &(*at)->next_in_message;
    *at = j->next_in_message;
    list_remove(&j->node);
    free(j);
}

static void peer_link(struct schedule_job *j, struct schedule_peer *p)
{
    p->next_in_job = j->peers;
    if (j->peers)
        j->peers->link = &p->next_in_job;
    p->link = &j->peers;
    j->peers = p;
}

/* The last node of a destination whose job does not go after `j`, or its head.  A new job goes last, and one that gets
 * more recipients was often here before the others: the search begins at both ends. */
static struct list *peer_place(struct schedule_queue *q, const struct schedule_job *j)
{
    struct list *back = q->peers.prev, *front = q->peers.next;

    for (;; back = back->prev, front = front->next) {
        q->transport->schedule->steps++;
        if (back == &q->peers || LIST_ITEM(back, struct schedule_peer, node)->job->rank <= j->rank)
            return back;
        if (LIST_ITEM(front, struct schedule_peer, node)->job->rank > j->rank)
            return front->prev;
    }
}

static struct schedule_peer *peer_get(struct schedule_job *j, struct schedule_queue *q)
{
    struct list *at = peer_place(q, j);
    struct schedule_peer *p;

    if (at != &q->peers && LIST_ITEM(at, struct schedule_peer, node)->job == j)
        return LIST_ITEM(at, struct schedule_peer, node);
    p = mem_alloc(sizeof *p);
    p->job = j;
    p->queue = q;
    peer_link(j, p);
    list_insert_after(at, &p->node);
    return p;
}

static void peer_free(struct schedule_peer *p)
{
    struct schedule_job *j = p->job;

    *p->link = p->next_in_job;
    if (p->next_in_job)
        p->next_in_job->link = p->link;
    list_remove(&p->node);
    free(p);
    if (j->peers == NULL)
        job_free(j);
}

void schedule_add(struct schedule_queue *q, struct schedule_message *m, struct recipient *first,
                  int count, int64_t now)
{
    struct schedule_transport *t = q->transport;

    queue_not_idle(q);
    struct schedule_job *j = job_get(t, m, now);
    struct schedule_peer *p = peer_get(j, q);
    int before = entries_of(j, p->count);

    *(p->last ? &p->last->next : &p->first) = first;
    for (p->last = first; p->last->next;)
        p->last = p->last->next;
    p->count += count;
    int added = entries_of(j, p->count) - before;
    j->waiting += added;
    j->total += added;
    q->waiting += count;
    m->waiting += count;
    t->recipients += count;
    t->schedule->recipients += count;
    schedule_queue_update(q);
}

/* About what a recipient needs in a delivery request. */
static size_t wire_size(const struct recipient *r)
{
    return 3 * ((size_t)r->address_len + r->orig_len + r->orcpt_len) + 150;
}

/* Take up to `limit` recipients (0: all that fit into a request) off a peer, which goes away when it
 * is empty. */
static struct recipient *peer_take(struct schedule_peer *p, int limit, int *count)
{
    struct schedule_queue *q = p->queue;
    struct schedule_job *j = p->job;
    struct recipient *first = p->first, *last = first;
    int before = entries_of(j, p->count);

    size_t size = wire_size(first);

    *count = 1;
    while (last->next && (limit <= 0 || *count < limit) && size < SCHEDULE_ENTRY_BYTES) {
        last = last->next;
        size += wire_size(last);
        ++*count;
    }
    p->first = last->next;
    last->next = NULL;
    p->count -= *count;
    j->waiting -= before - entries_of(j, p->count);
    q->waiting -= *count;
    j->message->waiting -= *count;
    if (p->first == NULL)
        peer_free(p);
    return first;
}

struct recipient *schedule_withdraw(struct schedule_queue *q, struct schedule_message **m,
                                    int *count)
{
    struct schedule_peer *p = LIST_FIRST(&q->peers, struct schedule_peer, node);

    if (p == NULL)
        return NULL;
    *m = p->job->message;
    struct recipient *first = peer_take(p, 0, count);
    q->transport->recipients -= *count;
    q->transport->schedule->recipients -= *count;
    schedule_queue_update(q);
    settle(q);
    return first;
}

struct schedule_queue *schedule_waiting_queue(struct schedule_transport *t)
{
    struct schedule_job *j = LIST_FIRST(&t->jobs, struct schedule_job, node);

    return j ? j->peers->queue : NULL;
}

struct schedule_queue *schedule_busiest_queue(struct schedule *s)
{
    struct schedule_queue *best = NULL;

    for (struct schedule_transport *t = s->transports; t; t = t->next) {
        struct map_cursor cursor = { 0 };
        struct str key;
        void *value;

        while (map_next(&t->queues, &cursor, &key, &value)) {
            struct schedule_queue *q = value;

            if (q->waiting && (best == NULL || q->waiting > best->waiting))
                best = q;
        }
    }
    return best;
}

/* ---- entries ---- */

struct schedule_entry *schedule_take_entry(struct schedule_peer *p, int64_t now)
{
    struct schedule_queue *q = p->queue;
    struct schedule_transport *t = q->transport;
    struct schedule_entry *e = mem_alloc(sizeof *e);

    e->queue = q;
    e->message = p->job->message;
    p->job->credit++;
    e->recipients = peer_take(p, limit_of(p->job), &e->count);
    e->message->flying += e->count;
    e->more = q->waiting > 0 || q->busy > 0;
    q->busy++;
    t->busy++;
    q->served = ++t->schedule->serial;
    schedule_queue_update(q);
    if (t->rules.transport_delay_ms)
        t->not_before = now + t->rules.transport_delay_ms;
    return e;
}

static void set_reason(char **to_dsn, char **to_reason, struct str dsn, struct str reason)
{
    forget_reason(to_dsn, to_reason);
    *to_dsn = copy_text(dsn);
    *to_reason = copy_text(reason);
}

static bool apply_feedback(struct schedule_queue *q, enum schedule_result result, int64_t now,
                           int64_t dead_ms)
{
    const struct window_rules *rules = &q->transport->rules.window;

    if (schedule_queue_is_dead(q))
        return false;
    if (result == SCHEDULE_REACHED)
        window_succeed(&q->window, rules, q->busy);
    if (result == SCHEDULE_FAILED && window_fail(&q->window, rules)) {
        schedule_queue_sleep(q, now + dead_ms);
        return true;
    }
    return false;
}

bool schedule_done(struct schedule_entry *e, enum schedule_result result, int64_t now,
                   int64_t dead_ms, struct str dsn, struct str reason)
{
    struct schedule_queue *q = e->queue;
    struct schedule_transport *t = q->transport;
    bool died = apply_feedback(q, result, now, dead_ms);

    if (died)
        set_reason(&q->dsn, &q->reason, dsn, reason);
    else if (t->rules.destination_delay_ms && !schedule_queue_is_dead(q))
        schedule_queue_sleep(q, now + t->rules.destination_delay_ms);
    e->message->flying -= e->count;
    t->recipients -= e->count;
    t->schedule->recipients -= e->count;
    q->busy--;
    t->busy--;
    if (t->rules.transport_delay_ms)
        t->not_before = now + t->rules.transport_delay_ms;
    recipient_free_all(e->recipients);
    free(e);
    schedule_queue_update(q);
    settle(q);
    return died;
}

/* ---- death and revival ---- */

void schedule_kill_transport(struct schedule_transport *t, int64_t now, int64_t dead_ms,
                             struct str dsn, struct str reason)
{
    t->dead_until = now + dead_ms;
    set_reason(&t->dsn, &t->reason, dsn, reason);
}

void schedule_revive_transport(struct schedule_transport *t)
{
    t->dead_until = 0;
    forget_reason(&t->dsn, &t->reason);
}

void schedule_revive_queue(struct schedule_queue *q)
{
    if (!schedule_queue_is_dead(q))
        return;
    window_revive(&q->window, &q->transport->rules.window, q->busy);
    forget_reason(&q->dsn, &q->reason);
    schedule_queue_awake(q);
    settle(q);
}

void schedule_queue_wake(struct schedule_queue *q)
{
    if (schedule_queue_is_dead(q)) {
        schedule_revive_queue(q);
    } else {
        schedule_queue_awake(q);
        settle(q);
    }
}

/* Who waits out a rate delay goes on doing so. */
void schedule_revive_all(struct schedule *s)
{
    size_t count = s->sleepers.count;
    struct schedule_queue **all = mem_alloc((count + 1) * sizeof(struct schedule_queue *));

    for (size_t i = 0; i < count; i++)
        all[i] = s->sleepers.items[i];
    for (size_t i = 0; i < count; i++)
        schedule_revive_queue(all[i]);
    free(all);
    for (struct schedule_transport *t = s->transports; t; t = t->next)
        schedule_revive_transport(t);
}

/* ---- the end ---- */

static void transport_free(struct schedule_transport *t)
{
    struct map_cursor cursor = { 0 };
    struct str key;
    void *value;

    while (map_next(&t->queues, &cursor, &key, &value)) {
        struct schedule_queue *q = value;
        int count;

        while (!list_is_empty(&q->peers)) {
            struct schedule_peer *p = LIST_ITEM(q->peers.next, struct schedule_peer, node);
            /* What is freed has left the list; the analyzer does not follow the pointers inside. */
            recipient_free_all(peer_take(p, 0, &count)); // NOLINT(clang-analyzer-unix.Malloc)
        }
        queue_free(q);
    }
    map_free(&t->queues, NULL);
    heap_free(&t->ready);
    forget_reason(&t->dsn, &t->reason);
    free(t);
}

void schedule_free(struct schedule *s)
{
    if (s == NULL)
        return;
    while (s->transports) {
        struct schedule_transport *next = s->transports->next;

        transport_free(s->transports);
        s->transports = next;
    }
    map_free(&s->by_name, NULL);
    heap_free(&s->sleepers);
    free(s);
}
