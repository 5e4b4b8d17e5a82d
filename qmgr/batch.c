#include "qmgr/batch.h"

#include "base/log.h"
#include "base/mem.h"
#include "qmgr/defer.h"
#include "qmgr/route.h"
#include "qmgr/transport.h"

#include <errno.h>
#include <stdlib.h>

/* Recipients as they were read; routes are known only when the whole envelope is. */
struct routed {
    struct recipient_text text;
    struct routing route;
    int notify;
    int64_t offset;
};

bool qmgr_batch_take(void *context, const struct envelope_rcpt *rcpt)
{
    struct batch *b = context;

    if (b->count >= b->limit)
        return false;
    if (b->count == b->room) {
        b->room = b->room ? b->room * 2 : 4;
        b->items = mem_resize(b->items, b->room * sizeof *b->items);
    }
    b->items[b->count++] = (struct routed){
        .text = { arena_str(b->arena, rcpt->text.address), rcpt->text.orig, rcpt->text.orcpt },
        .notify = rcpt->notify,
        .offset = rcpt->offset,
    };
    return true;
}

void qmgr_batch_free(struct batch *b)
{
    free(b->items);
    b->items = NULL;
}

/* ---- how many ---- */

/* How many recipients of one message may be read now.  When those of its transport have filled the
 * ordinary share, the extra share is for messages that come later. */
int qmgr_recipient_limit(const struct qmgr *q, const struct schedule_transport *t)
{
    int64_t room = qmgr_conf.qmgr_message_recipient_limit - schedule_recipients(q->schedule);
    const struct agent_pool *pool = t ? t->owner : NULL;
    int64_t share = pool ? pool->recipient_limit : qmgr_conf.default_recipient_limit;
    int64_t used = t ? t->recipients : 0;

    if (pool && used >= share)
        share += pool->extra_recipient_limit;
    return (int)MAX(MIN(room, share - used), qmgr_conf.qmgr_message_recipient_minimum);
}

/* ---- scheduling ---- */

/* Domains first, whatever their case: agents see the recipients of one domain side by side. */
static int compare_addresses(struct str a, struct str b)
{
    size_t at_a = str_rfind(a, '@'), at_b = str_rfind(b, '@');
    int order = str_compare_nocase(str_sub(a, at_a, a.len), str_sub(b, at_b, b.len));

    return order ? order : str_compare(a, b);
}

static int compare_routed(const void *pa, const void *pb)
{
    const struct routed *a = pa, *b = pb;
    int order = str_compare(a->route.transport, b->route.transport);

    if (order == 0)
        order = str_compare(a->route.key, b->route.key);
    if (order == 0)
        order = compare_addresses(a->route.address, b->route.address);
    return order ? order : str_compare(a->text.orig, b->text.orig);
}

static bool same_destination(const struct routed *a, const struct routed *b)
{
    return str_equal(a->route.transport, b->route.transport) &&
           str_equal(a->route.key, b->route.key);
}

/* Mail to the double-bounce address ends here; so do all recipients but one of a redirected message. */
static void drop_recipient(struct queue_file *f, const struct message *m, const struct routed *r)
{
    if (!queue_file_mark(f->fd, r->offset, REC_RCPT, REC_DONE))
        log_warning("%s: cannot mark a recipient as done: %s", m->id, strerror(errno));
    if (r->route.discard)
        qmgr_log_recipient(m, r->route.address, r->text.orig, STR("2.0.0"), "sent",
                           STR("undeliverable postmaster notification discarded"));
}

static void unthrottle(struct schedule_transport *t, struct schedule_queue *queue)
{
    schedule_revive_transport(t);
    schedule_revive_queue(queue);
}

static void schedule_group(struct qmgr *q, struct message *m, const struct routing *r,
                           struct recipient *first, int count)
{
    struct schedule_transport *t = qmgr_transport(q, r->transport);
    struct schedule_queue *queue = schedule_queue_get(t, r->key, r->nexthop);
    BUF_AUTO(text, 0);

    if (m->flags & MESSAGE_UNTHROTTLE)
        unthrottle(t, queue);
    if (m->flags & MESSAGE_FORCE_EXPIRE) {
        qmgr_defer(q, m, first, count, STR("4.7.0"), STR("message is administratively expired"));
    } else if (schedule_transport_is_dead(t)) {
        buf_add(&text, str_from(t->reason));
        qmgr_defer(q, m, first, count, str_from(t->dsn), buf_str(&text));
    } else if (schedule_queue_is_dead(queue)) {
        buf_join(&text, STR("delivery temporarily suspended: "), str_from(queue->reason));
        qmgr_defer(q, m, first, count, str_from(queue->dsn), buf_str(&text));
    } else {
        schedule_add(queue, &m->core, first, count, clock_now_ms());
    }
}

static struct recipient *new_recipient(const struct routed *r)
{
    struct recipient_text text = { r->route.address, r->text.orig, r->text.orcpt };

    return recipient_new(&text, r->notify, r->offset);
}

/* Recipients with the same destination go in one call.  The same address twice is two recipients:
 * cleanup has seen to it that they differ in what they were before, or in what is to be reported. */
static void schedule_all(struct batch *b, struct qmgr *q, struct message *m,
                         const struct envelope *e, struct queue_file *f)
{
    if (b->count > 1)
        qsort(b->items, b->count, sizeof *b->items, compare_routed);
    for (size_t i = 0; i < b->count;) {
        struct recipient *first = NULL, **end = &first;
        const struct routed *lead = &b->items[i];
        int count = 0;

        for (; i < b->count && same_destination(lead, &b->items[i]); i++) {
            struct routed *r = &b->items[i];

            if (r->route.discard || (m->flags & MESSAGE_REDIRECTED)) {
                drop_recipient(f, m, r);
                continue;
            }
            if (e->text[DETAIL_REDIRECT].len)
                m->flags |= MESSAGE_REDIRECTED;
            *end = new_recipient(r);
            end = &(*end)->next;
            count++;
        }
        if (first)
            schedule_group(q, m, &lead->route, first, count);
    }
}

static void route_all(struct batch *b, struct qmgr *q, const struct envelope *e, bool asked_for)
{
    for (size_t i = 0; i < b->count; i++)
        b->items[i].route = qmgr_route(q, e, b->items[i].text.address, asked_for, b->arena);
}

void qmgr_batch_schedule(struct batch *b, struct qmgr *q, struct message *m,
                         const struct envelope *e, struct queue_file *f)
{
    route_all(b, q, e, m->flags & MESSAGE_ASKED_FOR);
    schedule_all(b, q, m, e, f);
}
