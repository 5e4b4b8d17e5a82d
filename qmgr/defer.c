#include "qmgr/defer.h"

#include "base/log.h"
#include "delivery/delivery.h"
#include "ipc/messages/bounce.h"
#include "ipc/messages/delivery.h"
#include "qmgr/call.h"
#include "qmgr/transport.h"
#include "text/dsn.h"

#include <fcntl.h>
#include <unistd.h>

void qmgr_log_recipient(const struct message *m, struct str address, struct str orig,
                        struct str dsn, const char *status, struct str reason)
{
    BUF_AUTO(code, 0);
    struct timeval arrival = { .tv_sec = m->arrival_us / 1000000,
                               .tv_usec = m->arrival_us % 1000000 };
    struct timeval active = { .tv_sec = m->active_us / 1000000, .tv_usec = m->active_us % 1000000 };
    struct timeval now = clock_wall();

    buf_add(&code, dsn);
    struct delivery_log line = {
        .queue_id = m->id,
        .recipient = address,
        .orig_rcpt = orig,
        .relay = STR("none"),
        .arrival = arrival,
        .active = active,
        .start = now,
        .conn_done = now,
        .now = now,
        .dsn = buf_cstr(&code),
        .status = status,
        .text = reason,
    };
    delivery_log_line(&line);
}

static void after_record(struct qmgr *q, struct message *m, bool ok)
{
    m->recording--;
    if (!ok)
        m->flags |= MESSAGE_UNRECORDED;
    message_mark(&q->messages, m, NULL);
}

/* The log is for mailq and for the report when the message expires. */
static void record_deferred(struct qmgr *q, struct message *m, const struct recipient *r,
                            struct str dsn, struct str reason)
{
    char scratch[RECIPIENT_SCRATCH];
    BUF_AUTO(body, 0);
    struct bounce_append entry = {
        .queue_id = str_from(m->id),
        .recipient = recipient_address(r),
        .orig_rcpt = recipient_orig(r),
        .dsn_orcpt = recipient_orcpt(r, scratch),
        .dsn_notify = r->notify,
        .offset = r->offset,
        .status = dsn,
        .action = STR("delayed"),
        .reason = reason,
    };

    bounce_append_encode(&body, &entry);
    qmgr_call(q, site_conf.defer_service_name, BOUNCE_APPEND, buf_str(&body), m, after_record);
    m->recording++;
}

static void defer_here(struct qmgr *q, struct message *m, struct recipient *first, struct str dsn,
                       struct str reason)
{
    m->flags |= MESSAGE_DEFERRED;
    for (const struct recipient *r = first; r; r = r->next) {
        qmgr_log_recipient(m, recipient_address(r), recipient_orig(r), dsn, "deferred", reason);
        record_deferred(q, m, r, dsn, reason);
    }
    recipient_free_all(first);
}

/* An agent that died may have marked some of its recipients before. */
int qmgr_drop_done(struct qmgr *q, struct message *m, struct recipient **first)
{
    struct queue_id id = message_queue_id(m);
    FD_AUTO(fd, queue_open(&q->layout, QUEUE_ACTIVE, &id, O_RDONLY | O_CLOEXEC));
    int left = 0;
    char type;

    while (*first) {
        struct recipient *r = *first;

        if (fd >= 0 && pread(fd, &type, 1, (off_t)r->offset) == 1 && type == REC_DONE) {
            *first = r->next;
            r->next = NULL;
            recipient_free_all(r);
        } else {
            left++;
            first = &r->next;
        }
    }
    return left;
}

void qmgr_defer(struct qmgr *q, struct message *m, struct recipient *first, int count,
                struct str dsn, struct str reason)
{
    struct schedule_transport *retry = qmgr_transport(q, STR(QMGR_RETRY_TRANSPORT));
    BUF_AUTO(hop, 0);

    message_mark(&q->messages, m, NULL);
    if (first == NULL)
        return;
    buf_join(&hop, dsn, STR(" "), str_sub(reason, 0, DELIVERY_REASON_MAX));
    struct schedule_queue *queue = schedule_queue_get(retry, buf_str(&hop), buf_str(&hop));

    if (schedule_transport_is_dead(retry) || schedule_queue_is_dead(queue))
        defer_here(q, m, first, dsn, reason);
    else
        schedule_add(queue, &m->core, first, count, clock_now_ms());
}

void qmgr_defer_from(struct qmgr *q, const struct schedule_queue *queue, struct message *m,
                     struct recipient *first, int count, struct str dsn, struct str reason)
{
    BUF_AUTO(text, 0);

    if (strcmp(queue->transport->name, QMGR_RETRY_TRANSPORT) == 0) {
        buf_add_cstr(&text, queue->nexthop);
        struct dsn_split why = dsn_status_split(buf_str(&text), dsn);

        dsn = why.status;
        reason = why.text;
    }
    qmgr_defer(q, m, first, count, dsn, reason);
}

static void defer_waiting(struct qmgr *q, struct schedule_queue *queue, struct str dsn,
                          struct str reason)
{
    struct schedule_message *core;
    struct recipient *first;
    int count;

    /* A destination for which nobody waits may be forgotten when others come. */
    for (bool more = queue->waiting > 0; more;) {
        first = schedule_withdraw(queue, &core, &count);
        more = queue->waiting > 0;
        qmgr_defer_from(q, queue, message_of(core), first, count, dsn, reason);
    }
}

void qmgr_defer_queue(struct qmgr *q, struct schedule_queue *queue)
{
    BUF_AUTO(reason, 0);
    BUF_AUTO(dsn, 0);

    buf_join(&reason, STR("delivery temporarily suspended: "), str_from(queue->reason));
    buf_add(&dsn, str_from(queue->dsn));
    defer_waiting(q, queue, buf_str(&dsn), buf_str(&reason));
}

void qmgr_defer_transport(struct qmgr *q, struct schedule_transport *t)
{
    struct schedule_queue *queue;
    BUF_AUTO(reason, 0);
    BUF_AUTO(dsn, 0);

    buf_add(&reason, str_from(t->reason));
    buf_add(&dsn, str_from(t->dsn));
    while ((queue = schedule_waiting_queue(t)) != NULL)
        defer_waiting(q, queue, buf_str(&dsn), buf_str(&reason));
}
