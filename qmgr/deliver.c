/* Delivery agents: connections to private/<transport>, requests, replies. */
#include "base/log.h"
#include "base/mem.h"
#include "ipc/channel.h"
#include "ipc/messages/delivery.h"
#include "os/socket.h"
#include "qmgr/qmgr.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#define REPLY_MAX        65536
#define READ_SIZE        4096
#define CONNECT_AGAIN_MS 100
#define SWEEP_MS         1000

/* One connection, idle or with a delivery under way. */
struct agent {
    struct list node;
    struct qmgr *q;
    struct schedule_transport *transport;
    struct schedule_entry *entry; /* NULL: idle */
    int fd;                       /* -1: the listener's queue was full, a timer runs */
    uint64_t site;                /* destination of the last request */
    int64_t idle_since;
    bool holds_session; /* it was told that more mail waits */
    bool used;          /* has answered on this connection */
    bool retried;       /* the request is on its second connection */
    struct buf in, out;
};

static struct agent_pool *pool_of(const struct agent *a) { return a->transport->owner; }
static struct message *message_under(const struct agent *a)
{
    return message_of(a->entry->message);
}

static void on_ready(void *context, int fd, uint32_t events);

/* ---- connections ---- */

static struct agent *agent_new(struct qmgr *q, struct schedule_transport *t)
{
    struct agent *a = mem_alloc(sizeof *a);

    a->q = q;
    a->transport = t;
    a->fd = -1;
    a->in = BUF_INIT(REPLY_MAX);
    list_init(&a->node);
    pool_of(a)->channels++;
    return a;
}

static void agent_disconnect(struct agent *a)
{
    if (a->fd >= 0)
        loop_unwatch(a->q->loop, a->fd);
    fd_close(&a->fd);
    buf_clear(&a->in);
    buf_clear(&a->out);
    a->used = false;
}

static void agent_free(struct agent *a)
{
    agent_disconnect(a);
    list_remove(&a->node);
    pool_of(a)->channels--;
    buf_free(&a->in);
    buf_free(&a->out);
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
    qmgr_check_done(q, m);
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
    qmgr_dispatch(q);
}

static void connect_failed(struct agent *a)
{
    struct qmgr *q = a->q;
    struct schedule_transport *t = a->transport;
    struct schedule_entry *e = a->entry;
    struct str reason = STR("mail transport unavailable");

    log_warning("connect to transport private/%s: %s", t->name, strerror(errno));
    agent_free(a);
    transport_failed(q, t, reason);
    entry_defer(q, e, STR("4.3.0"), reason);
}

/* ---- sending ---- */

static void agent_send(struct agent *a);

static void connect_again(void *context)
{
    struct agent *a = context;

    agent_send(a);
}

/* False: the agent is gone or waits for another try. */
static bool agent_connect(struct agent *a)
{
    BUF_AUTO(path, 200);

    buf_join(&path, STR("private/"), str_from(a->transport->name));
    a->fd = socket_unix_connect_nonblocking(buf_cstr(&path));
    if (a->fd >= 0) {
        loop_watch(a->q->loop, a->fd, EPOLLIN, on_ready, a);
        return true;
    }
    if (errno == EAGAIN || errno == EMFILE || errno == ENFILE || errno == ENOBUFS)
        (void)loop_timer_start(a->q->loop, CONNECT_AGAIN_MS, connect_again, a);
    else
        connect_failed(a);
    return false;
}

/* A kept connection that the agent has closed meanwhile is no failure: the request was not read. */
static void agent_start_afresh(struct agent *a)
{
    agent_disconnect(a);
    a->retried = true;
    agent_send(a);
}

/* Write what is left; false when the peer is gone. */
static bool agent_write(struct agent *a)
{
    ssize_t n = send(a->fd, a->out.ptr, a->out.len, MSG_DONTWAIT | MSG_NOSIGNAL);

    if (n < 0 && errno != EAGAIN && errno != EINTR)
        return false;
    if (n > 0)
        buf_consume(&a->out, (size_t)n);
    return true;
}

/* The queue file is gone or cannot be read: if it is still there it will be tried again. */
static void give_up(struct agent *a)
{
    struct qmgr *q = a->q;
    struct schedule_entry *e = a->entry;
    struct message *m = message_under(a);

    agent_free(a);
    m->flags |= MESSAGE_DEFERRED;
    (void)schedule_done(e, SCHEDULE_NEITHER, clock_now_ms(), 0, STR_NONE, STR_NONE);
    qmgr_check_done(q, m);
}

static void agent_send(struct agent *a)
{
    struct schedule_entry *e = a->entry;
    const struct details *d = qmgr_message_details(a->q, message_under(a));
    BUF_AUTO(body, CHANNEL_FRAME_MAX - 1);

    if (d == NULL) {
        give_up(a);
        return;
    }
    qmgr_put_request(&body, e, d);
    if (a->fd < 0 && !agent_connect(a))
        return;
    channel_frame(&a->out, DELIVERY_REQUEST_FRAME, buf_str(&body));
    a->holds_session = e->more_waits;
    a->site = map_hash(str_from(e->queue->key));
    if (!agent_write(a)) {
        if (!a->retried)
            agent_start_afresh(a);
        else
            agent_lost(a, false);
    } else if (a->out.len) {
        loop_watch(a->q->loop, a->fd, EPOLLIN | EPOLLOUT, on_ready, a);
    }
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

static void agent_rest(struct agent *a)
{
    struct qmgr *q = a->q;

    a->used = true;
    a->retried = false;
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
    if (died) {
        m->core.flying++; /* its end is decided below, not while the others are deferred */
        qmgr_defer_queue(q, queue);
        m->core.flying--;
    }
    qmgr_refill(q, m, t);
    qmgr_check_done(q, m);
}

static void agent_replied(struct agent *a, const struct delivery_reply *r)
{
    struct qmgr *q = a->q;
    struct schedule_entry *e = a->entry;
    bool keep = r->keep;
    BUF_AUTO(texts, REPLY_MAX);

    if (keep) { /* the reply's texts are in a->in, which must be empty for the next one */
        struct delivery_reply copy = *r;

        buf_join(&texts, r->dsn, r->reason);
        copy.dsn = str_sub(buf_str(&texts), 0, r->dsn.len);
        copy.reason = str_skip(buf_str(&texts), r->dsn.len);
        buf_clear(&a->in);
        agent_rest(a);
        entry_done(q, e, &copy);
    } else {
        a->entry = NULL;
        entry_done(q, e, r);
        agent_free(a);
    }
    qmgr_dispatch(q);
}

/* A complete reply in the buffer? */
static void agent_parse(struct agent *a)
{
    struct str in = buf_str(&a->in), body;
    struct delivery_reply reply;
    char kind;
    bool bad;

    if (!channel_split(&in, &kind, &body, &bad)) {
        if (bad || a->in.full)
            agent_lost(a, true);
        return;
    }
    if (kind != DELIVERY_REPLY_FRAME || !delivery_reply_decode(&body, &reply) || in.len) {
        agent_lost(a, true);
        return;
    }
    agent_replied(a, &reply);
}

static void agent_gone(struct agent *a, bool request_unread)
{
    if (a->entry == NULL) { /* an idle one went away, as it may */
        a->q->idle_channels--;
        agent_free(a);
    } else if (request_unread && !a->retried) {
        agent_start_afresh(a);
    } else {
        agent_lost(a, false);
    }
}

static void on_ready(void *context, int fd, uint32_t events)
{
    struct agent *a = context;
    char *room;

    (void)fd;
    if ((events & EPOLLOUT) && a->out.len) {
        if (!agent_write(a)) {
            agent_gone(a, true);
            return;
        }
        if (a->out.len == 0)
            loop_watch(a->q->loop, a->fd, EPOLLIN, on_ready, a);
    }
    if (!(events & (EPOLLIN | EPOLLHUP | EPOLLERR)))
        return;
    if ((room = buf_reserve(&a->in, READ_SIZE)) == NULL) {
        agent_lost(a, true);
        return;
    }
    ssize_t n = recv(a->fd, room, READ_SIZE, MSG_DONTWAIT);
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (n <= 0 || a->entry == NULL) {
        /* A UNIX socket that is closed with unread input resets the connection: the request was
         * not read. */
        agent_gone(a, n < 0 && errno == ECONNRESET);
        return;
    }
    a->in.len += (size_t)n;
    agent_parse(a);
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

    q->wake = NULL;
    qmgr_dispatch(q);
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

    if (q->dispatching || q->leaving)
        return;
    q->dispatching = true;
    while ((e = schedule_next(q->schedule, clock_now_ms())) != NULL) {
        struct agent *a = pick_agent(q, e);

        a->entry = e;
        agent_send(a);
    }
    q->dispatching = false;
    arm_wake(q);
}

bool qmgr_has_deliveries(const struct qmgr *q)
{
    for (const struct schedule_transport *t = schedule_first_transport(q->schedule); t; t = t->next)
        if (t->busy)
            return true;
    return q->calls_open > 0 || !list_is_empty(&q->calls);
}
