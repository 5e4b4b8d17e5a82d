#include "qmgr/deliver.h"

#include "base/log.h"
#include "base/mem.h"
#include "ipc/channel.h"
#include "ipc/courier.h"
#include "ipc/messages/delivery.h"
#include "os/fd.h"
#include "qmgr/defer.h"
#include "qmgr/details.h"
#include "qmgr/request.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>

#define SWEEP_MS 1000

/* One connection, idle or with a delivery under way. */
struct agent {
    struct list node;
    struct qmgr *q;
    struct schedule_transport *transport;
    struct schedule_entry *entry; /* NULL: idle */
    struct courier *courier;
    uint64_t site; /* destination of the last request */
    int64_t idle_since;
    bool holds_session; /* to `site` */
    bool retried;       /* the request is on its second connection */
};

static struct agent_pool *pool_of(const struct agent *a) { return a->transport->owner; }
static struct message *message_under(const struct agent *a)
{
    return message_of(a->entry->message);
}

static void on_answer(void *context, const struct courier_answer *answer);
static void on_gone(void *context);

/* However long it takes: all agents may be busy. */
static const struct courier_rules agent_rules = {
    .open = courier_open,
    .answer_max = DELIVERY_REPLY_MAX,
    .gone = on_gone,
};

/* ---- connections ---- */

static struct agent *agent_new(struct qmgr *q, struct schedule_transport *t)
{
    struct agent *a = mem_alloc(sizeof *a);

    a->q = q;
    a->transport = t;
    a->courier = courier_new(q->loop, &agent_rules, str_from(t->name), a);
    list_init(&a->node);
    pool_of(a)->channels++;
    return a;
}

static void agent_free(struct agent *a)
{
    list_remove(&a->node);
    pool_of(a)->channels--;
    courier_free(a->courier);
    free(a);
}

/* ---- the end of a delivery ---- */

/* The entry's recipients live on: their delivery was not tried, or it is not known how it ended. */
static void entry_defer(struct qmgr *q, struct schedule_entry *e, struct str dsn, struct str reason)
{
    const struct schedule_queue *queue = e->queue;
    struct message *m = message_of(e->message);
    struct recipient *first = e->recipients;

    e->recipients = NULL;
    (void)schedule_done(e, SCHEDULE_NEITHER, clock_now_ms(), 0, STR_NONE, STR_NONE);
    int count = qmgr_drop_done(q, m, &first);

    m->flags |= MESSAGE_TRIED; /* there may be logs that nobody told of */
    qmgr_defer_from(q, queue, m, first, count, dsn, reason);
}

static void transport_failed(struct qmgr *q, struct schedule_transport *t, struct str reason)
{
    if (schedule_transport_is_dead(t))
        return;
    schedule_kill_transport(t, clock_now_ms(), (int64_t)qmgr_conf.transport_retry_time * 1000,
                            STR("4.3.0"), reason);
    qmgr_defer_transport(q, t);
}

/* No reply will come. */
static void agent_lost(struct agent *a, bool malformed)
{
    struct qmgr *q = a->q;
    struct schedule_transport *t = a->transport;
    struct schedule_entry *e = a->entry;
    struct str reason = STR("unknown mail transport error");

    if (malformed)
        log_warning("private/%s socket: malformed response", t->name);
    log_warning(
        "transport %s failure -- see a previous warning/fatal/panic logfile record for the problem "
        "description",
        t->name);
    agent_free(a);
    transport_failed(q, t, reason);
    entry_defer(q, e, STR("4.3.0"), reason);
}

static void connect_failed(struct agent *a, int error)
{
    struct qmgr *q = a->q;
    struct schedule_transport *t = a->transport;
    struct schedule_entry *e = a->entry;
    struct str reason = STR("mail transport unavailable");

    log_warning("connect to transport private/%s: %s", t->name, strerror(error));
    agent_free(a);
    transport_failed(q, t, reason);
    entry_defer(q, e, STR("4.3.0"), reason);
}

/* ---- sending ---- */

/* The queue file is gone or cannot be read: if it is still there it will be tried again. */
static void give_up(struct agent *a)
{
    struct qmgr *q = a->q;
    struct schedule_entry *e = a->entry;
    struct message *m = message_under(a);

    agent_free(a);
    m->flags |= MESSAGE_DEFERRED;
    (void)schedule_done(e, SCHEDULE_NEITHER, clock_now_ms(), 0, STR_NONE, STR_NONE);
    message_mark(&q->messages, m, NULL);
}

/* The agent reads the message from it, marks what is done, and can open no other. */
static int open_queue_file(struct qmgr *q, const struct message *m)
{
    struct queue_id id = message_queue_id(m);
    int fd = qmgr_take_fresh(q, m);

    if (fd >= 0)
        return fd;
    fd = queue_open(&q->layout, QUEUE_ACTIVE, &id, O_RDWR | O_NONBLOCK);

    if (fd < 0 && errno != ENOENT)
        log_warning("%s: open: %s", m->id, strerror(errno));
    return fd;
}

static void agent_send(struct agent *a)
{
    struct schedule_entry *e = a->entry;
    const struct details *d = qmgr_message_details(a->q, message_under(a));
    BUF_AUTO(body, CHANNEL_FRAME_MAX - 1);

    int fd = open_queue_file(a->q, message_under(a));

    if (d)
        qmgr_put_request(&body, e, d);
    if (d == NULL || fd < 0 || body.full) {
        fd_close(&fd);
        give_up(a);
        return;
    }
    a->site = map_hash(str_from(e->queue->key));
    if (!courier_send_with(a->courier, DELIVERY_REQUEST_FRAME, buf_str(&body), fd, on_answer, a))
        connect_failed(a, errno);
}

/* ---- receiving ---- */

static void sweep_idle(void *context)
{
    struct qmgr *q = context;
    int64_t old = clock_now_ms() - (int64_t)site_conf.ipc_idle * 1000;

    q->sweep = NULL;
    for (struct schedule_transport *t = schedule_first_transport(q->schedule); t; t = t->next) {
        struct agent_pool *pool = t->owner;

        LIST_FOREACH(&pool->idle, node)
        {
            struct agent *a = LIST_ITEM(node, struct agent, node);

            if (a->idle_since > old)
                break;
            q->idle_channels--;
            agent_free(a);
        }
    }
    if (q->idle_channels)
        q->sweep = loop_timer_start(q->loop, SWEEP_MS, sweep_idle, q);
}

static void agent_rest(struct agent *a, bool has_session)
{
    struct qmgr *q = a->q;

    a->retried = false;
    a->holds_session = has_session;
    a->entry = NULL;
    a->idle_since = clock_now_ms();
    list_append(&pool_of(a)->idle, &a->node);
    q->idle_channels++;
    if (q->sweep == NULL)
        q->sweep = loop_timer_start(q->loop, SWEEP_MS, sweep_idle, q);
}

static void note_reply(struct message *m, const struct delivery_reply *r)
{
    if (r->result != DELIVERY_DONE)
        m->flags |= MESSAGE_DEFERRED;
    if (r->bounced)
        m->flags |= MESSAGE_BOUNCED;
    if (r->traced)
        m->flags |= MESSAGE_TRACED;
    if (r->unrecorded)
        m->flags |= MESSAGE_UNRECORDED;
}

static void log_feedback(const struct schedule_queue *queue, bool failed)
{
    log_info(
        "feedback: transport=%s destination=%s %s window=%d success=%.3f failure=%.3f cohorts=%.3f",
        queue->transport->name, queue->nexthop, failed ? "failed" : "reached", queue->window.size,
        (double)queue->window.success, (double)queue->window.failure,
        (double)queue->window.cohorts);
}

static void entry_done(struct qmgr *q, struct schedule_entry *e, const struct delivery_reply *r)
{
    struct message *m = message_of(e->message);
    struct schedule_queue *queue = e->queue;
    struct schedule_transport *t = queue->transport;
    bool failed = r->site_failed && !r->site_reached;

    note_reply(m, r);
    bool died = schedule_done(e, failed ? SCHEDULE_FAILED : SCHEDULE_REACHED, clock_now_ms(),
                              (int64_t)qmgr_conf.minimal_backoff_time * 1000, r->dsn, r->reason);
    if (qmgr_conf.destination_concurrency_feedback_debug)
        log_feedback(queue, failed);
    message_mark(&q->messages, m, t);
    if (died)
        qmgr_defer_queue(q, queue);
}

static void agent_replied(struct agent *a, const struct delivery_reply *r)
{
    struct qmgr *q = a->q;
    struct schedule_entry *e = a->entry;

    if (r->keep)
        agent_rest(a, r->session);
    entry_done(q, e, r);
    if (!r->keep)
        agent_free(a);
}

static bool decode_reply(const struct courier_answer *answer, struct delivery_reply *r)
{
    struct str body = answer->body;

    return answer->kind == DELIVERY_REPLY_FRAME && delivery_reply_decode(&body, r) && body.len == 0;
}

static void on_answer(void *context, const struct courier_answer *answer)
{
    struct agent *a = context;
    struct delivery_reply reply;

    switch (answer->result) {
    case COURIER_ANSWERED:
        if (decode_reply(answer, &reply))
            agent_replied(a, &reply);
        else
            agent_lost(a, true);
        break;
    case COURIER_UNAVAILABLE:
        connect_failed(a, answer->error);
        break;
    case COURIER_UNREAD: /* it closed a kept connection, as it may */
        if (a->retried) {
            agent_lost(a, false);
        } else {
            a->retried = true;
            agent_send(a);
        }
        break;
    case COURIER_NONSENSE:
        agent_lost(a, true);
        break;
    case COURIER_LOST:
    case COURIER_LATE:
        agent_lost(a, false);
        break;
    }
}

/* An idle one went away, as it may. */
static void on_gone(void *context)
{
    struct agent *a = context;

    a->q->idle_channels--;
    agent_free(a);
}

/* ---- starting ---- */

static bool may_connect(const struct schedule_transport *t)
{
    const struct agent_pool *pool = t->owner;

    return t->rules.process_limit <= 0 || pool->channels < t->rules.process_limit;
}

/* One with a session to the same destination first, because that session counts there as long as it
 * is open; then one that holds none; then a new connection; then any. */
static struct agent *pick_agent(struct qmgr *q, const struct schedule_entry *e)
{
    struct schedule_transport *t = e->queue->transport;
    struct agent_pool *pool = t->owner;
    uint64_t site = map_hash(str_from(e->queue->key));
    struct agent *free_one = NULL;

    LIST_FOREACH(&pool->idle, node)
    {
        struct agent *a = LIST_ITEM(node, struct agent, node);

        if (a->holds_session && a->site == site) {
            free_one = a;
            break;
        }
        if (!a->holds_session)
            free_one = a;
    }
    if (free_one == NULL && may_connect(t))
        return agent_new(q, t);
    if (free_one == NULL)
        free_one = LIST_FIRST(&pool->idle, struct agent, node);
    if (free_one == NULL)
        return agent_new(q, t);
    q->idle_channels--;
    list_remove(&free_one->node);
    return free_one;
}

static void on_wake(void *context)
{
    struct qmgr *q = context;

    q->wake = NULL; /* what may be delivered now is found at the end of the turn */
}

static void arm_wake(struct qmgr *q)
{
    int64_t at = schedule_wake_at(q->schedule);

    if (q->wake && at == q->wake_at)
        return;
    loop_timer_cancel(q->loop, &q->wake);
    q->wake_at = at;
    if (at != INT64_MAX)
        q->wake = loop_timer_start(q->loop, MAX(at - clock_now_ms(), 0), on_wake, q);
}

void qmgr_dispatch(struct qmgr *q)
{
    struct schedule_entry *e;

    if (q->leaving)
        return;
    while ((e = schedule_next(q->schedule, clock_now_ms())) != NULL) {
        struct agent *a = pick_agent(q, e);

        a->entry = e;
        agent_send(a);
    }
    arm_wake(q);
}

bool qmgr_has_deliveries(const struct qmgr *q)
{
    for (const struct schedule_transport *t = schedule_first_transport(q->schedule); t; t = t->next)
        if (t->busy)
            return true;
    return q->calls_open > 0 || !list_is_empty(&q->calls);
}
