/* From a file in incoming or deferred to recipients in the scheduler. */
#include "base/log.h"
#include "base/mem.h"
#include "delivery/log_line.h"
#include "os/lock.h"
#include "qmgr/backoff.h"
#include "qmgr/qmgr.h"
#include "text/dsn.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

/* Messages whose texts stay in memory; others are read again when their turn comes. */
#define DETAILED_MAX 500
#define TRACE_PROBE  (0x100 | 0x200)

/* Recipients as they were read; routes are known only when the whole envelope is. */
struct routed {
    struct recipient_text text;
    struct route route;
    int notify;
    int64_t offset;
};

struct batch {
    struct arena *arena;
    struct routed *items;
    size_t count, room, limit;
};

static bool batch_take(void *context, const struct envelope_rcpt *rcpt)
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

static int64_t recipients_in_core(struct qmgr *q)
{
    int64_t total = 0;

    for (struct schedule_transport *t = schedule_first_transport(q->schedule); t; t = t->next)
        total += t->recipients;
    return total;
}

/* How many recipients of one message may be read now.  When those of its transport have filled the
 * ordinary share, the extra share is for messages that come later. */
static int recipient_limit(struct qmgr *q, const struct schedule_transport *t)
{
    int64_t room = qmgr_conf.qmgr_message_recipient_limit - recipients_in_core(q);
    const struct agent_pool *pool = t ? t->owner : NULL;
    int64_t share = pool ? pool->recipient_limit : qmgr_conf.default_recipient_limit;
    int64_t used = t ? t->recipients : 0;

    if (pool && used >= share)
        share += pool->extra_recipient_limit;
    return (int)MAX(MIN(room, share - used), qmgr_conf.qmgr_message_recipient_minimum);
}

/* ---- files that cannot be delivered ---- */

void qmgr_save_corrupt(struct qmgr *q, const char *queue, const struct queue_id *id,
                       const char *why)
{
    log_warning("%s: corrupt queue file: %s", id->text, why);
    log_warning("saving corrupt file \"%s\" from queue \"%s\" to queue \"%s\"", id->text, queue,
                QUEUE_CORRUPT);
    if (!queue_rename(&q->layout, queue, QUEUE_CORRUPT, id) && errno != ENOENT)
        log_warning("%s: move to %s: %s", id->text, QUEUE_CORRUPT, strerror(errno));
}

/* ---- scheduling ---- */

static int compare_routed(const void *pa, const void *pb)
{
    const struct routed *a = pa, *b = pb;
    int order = str_compare(a->route.transport, b->route.transport);

    if (order == 0)
        order = str_compare(a->route.key, b->route.key);
    if (order == 0)
        order = str_compare(a->route.address, b->route.address);
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
    if (!queue_file_mark(f->fd, r->offset, REC_DONE))
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

static void schedule_group(struct qmgr *q, struct message *m, const struct route *r,
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
static void schedule_batch(struct qmgr *q, struct message *m, const struct envelope *e,
                           struct queue_file *f, struct batch *b)
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
            if (e->redirect.len)
                m->flags |= MESSAGE_REDIRECTED;
            *end = new_recipient(r);
            end = &(*end)->next;
            count++;
        }
        if (first)
            schedule_group(q, m, &lead->route, first, count);
    }
}

static void route_batch(struct qmgr *q, const struct envelope *e, struct batch *b)
{
    for (size_t i = 0; i < b->count; i++)
        b->items[i].route = qmgr_route(q, e, b->items[i].text.address, b->arena);
}

/* ---- activation ---- */

static void log_active(const struct message *m, const struct envelope *e)
{
    BUF_AUTO(sender, 0);

    delivery_log_address(&sender, e->text[DETAIL_SENDER]);
    log_info("%s: from=<" STR_FMT ">, size=%lld, nrcpt=%lld (queue active)", m->id,
             STR_ARG(buf_str(&sender)), (long long)e->size.text_size,
             (long long)e->size.rcpt_count);
}

/* Two delimiters that the site allows, and a sender to put them into. */
static bool wants_verp(const struct message *m, const struct envelope *e)
{
    struct str delims = e->text[DETAIL_VERP];

    if (delims.len == 0)
        return false;
    if (m->flags & MESSAGE_NULL_SENDER) {
        log_warning("%s: ignoring VERP request for null sender", m->id);
        return false;
    }
    if (delims.len != 2 || !str_has(site_conf.verp_delimiter_filter, delims.ptr[0]) ||
        !str_has(site_conf.verp_delimiter_filter, delims.ptr[1])) {
        log_warning("%s: ignoring bad VERP request: \"" STR_FMT "\"", m->id, STR_ARG(delims));
        return false;
    }
    if (!(m->flags & MESSAGE_TRIED))
        log_info("%s: enabling VERP for sender \"" STR_FMT "\"", m->id,
                 STR_ARG(e->text[DETAIL_SENDER]));
    return true;
}

/* Could an earlier attempt have left something beside the file?  What was written to incoming since this process
 * started was not tried by anybody. */
static bool was_tried(const struct qmgr *q, const struct stat *st, enum activate_from from,
                      int64_t now)
{
    switch (from) {
    case ACTIVATE_NEW:
        return false;
    case ACTIVATE_INCOMING:
        return st->st_mtime <= q->started || st->st_mtime > now;
    case ACTIVATE_DEFERRED:
        break;
    }
    return true;
}

static struct message *new_message(const struct qmgr *q, const struct queue_id *id,
                                   const struct envelope *e, const struct stat *st,
                                   enum activate_from from)
{
    struct message *m = message_new(id, e);
    struct timeval now = clock_wall();

    m->active_us = (int64_t)now.tv_sec * 1000000 + now.tv_usec;
    m->refilled_ms = clock_now_ms();
    if (was_tried(q, st, from, now.tv_sec))
        m->flags |= MESSAGE_TRIED;
    if (st->st_mode & QUEUE_MODE_UNTHROTTLE)
        m->flags |= MESSAGE_UNTHROTTLE;
    if (st->st_mode & QUEUE_MODE_FORCE_EXPIRE)
        m->flags |= MESSAGE_FORCE_EXPIRE;
    if (e->warn_at && e->warn_time == 0 && qmgr_conf.confirm_delay_cleared &&
        !(m->flags & MESSAGE_NULL_SENDER))
        m->flags |= MESSAGE_CONFIRM;
    m->core.one_by_one = wants_verp(m, e);
    return m;
}

/* What the last attempt left: its defer log is the past, except for a message that is to be
 * returned. */
static bool has_defer_log(struct qmgr *q, const struct queue_id *id)
{
    struct stat st;

    return queue_stat(&q->layout, QUEUE_DEFER, id, &st);
}

static void forget_last_attempt(struct qmgr *q, struct message *m, const struct queue_id *id)
{
    if (!(m->flags & MESSAGE_TRIED))
        return;
    if ((m->flags & MESSAGE_FORCE_EXPIRE) && has_defer_log(q, id))
        m->flags |= MESSAGE_KEEP_DEFER_LOG;
    else if (!queue_remove(&q->layout, QUEUE_DEFER, id) && errno != ENOENT)
        log_warning("%s: remove old defer log: %s", m->id, strerror(errno));
}

static void start_message(struct qmgr *q, struct message *m, const struct queue_id *id,
                          struct queue_file *f, struct envelope *e, struct batch *b)
{
    message_table_add(&q->messages, m);
    log_active(m, e);
    forget_last_attempt(q, m, id);
    m->rcpt_limit = (int32_t)b->limit;
    if (m->flags & MESSAGE_KEEP_DEFER_LOG) {
        m->flags |= MESSAGE_DEFERRED;
        m->resume_at = 0;
    } else {
        route_batch(q, e, b);
        schedule_batch(q, m, e, f, b);
    }
    if (q->messages.detailed < DETAILED_MAX)
        message_set_details(&q->messages, m, details_new(e));
}

/* The file stays where it is; the next scan sees it again. */
static bool leave_it(const struct queue_id *id, const char *what)
{
    if (errno == ENOENT)
        return true;
    log_warning("%s: %s: %s", id->text, what, strerror(errno));
    return false;
}

static bool may_be_tried(const struct stat *st, bool all)
{
    struct timeval now = clock_wall();

    if (!S_ISREG(st->st_mode) || !(st->st_mode & S_IXUSR))
        return false;
    return all || st->st_mtime <= now.tv_sec + 1;
}

/* The open file, in active, to its recipients.  False: it is damaged or cannot be read. */
static bool read_and_start(struct qmgr *q, const struct queue_id *id, int fd, const struct stat *st,
                           enum activate_from from)
{
    ARENA_AUTO(arena);
    struct batch b = { .arena = &arena, .limit = (size_t)recipient_limit(q, NULL) };
    struct queue_file f;
    struct envelope e;

    queue_file_init(&f, fd);
    enum envelope_result result = envelope_read(&f, &arena, batch_take, &b, &e);
    if (result == ENVELOPE_OK) {
        struct message *m = new_message(q, id, &e, st, from);

        start_message(q, m, id, &f, &e, &b);
        queue_file_close(&f);
        free(b.items);
        message_mark(&q->messages, m, NULL);
        return true;
    }
    if (result == ENVELOPE_CORRUPT)
        qmgr_save_corrupt(q, QUEUE_ACTIVE, id, e.trouble);
    else
        log_warning("%s: read queue file: %s", id->text, strerror(errno));
    queue_file_close(&f);
    free(b.items);
    return result == ENVELOPE_CORRUPT;
}

bool qmgr_is_under_delivery(const struct queue_id *id, int fd)
{
    struct timeval now = clock_wall();
    struct timespec later = { .tv_sec = now.tv_sec + qmgr_conf.minimal_backoff_time };
    struct timespec times[2] = { later, later };

    if (lock_try_exclusive(fd) || errno != EWOULDBLOCK)
        return false;
    log_info("%s: skipped, still being delivered", id->text);
    if (futimens(fd, times) != 0)
        log_warning("%s: set time stamps: %s", id->text, strerror(errno));
    return true;
}

bool qmgr_activate(struct qmgr *q, const struct queue_id *id, enum activate_from from, bool all)
{
    const char *queue = from == ACTIVATE_DEFERRED ? QUEUE_DEFERRED : QUEUE_INCOMING;
    struct stat st;

    if (message_table_find(&q->messages, queue_id_str(id)))
        return true;
    int fd = queue_open(&q->layout, queue, id, O_RDWR | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    if (fd < 0 && errno == EACCES) { /* somebody else's file: no scan will ever open it */
        qmgr_save_corrupt(q, queue, id, "permission denied");
        return true;
    }
    if (fd < 0)
        return leave_it(id, "open queue file");
    if (fstat(fd, &st) != 0 || !may_be_tried(&st, all) ||
        (from == ACTIVATE_DEFERRED && qmgr_is_under_delivery(id, fd))) {
        close(fd);
        return true;
    }
    if (!queue_rename(&q->layout, queue, QUEUE_ACTIVE, id)) {
        close(fd);
        return leave_it(id, "move to active");
    }
    if (read_and_start(q, id, fd, &st, from))
        return true;
    /* A read error may pass. */
    if (!queue_rename(&q->layout, QUEUE_ACTIVE, QUEUE_DEFERRED, id))
        log_warning("%s: move to deferred: %s", id->text, strerror(errno));
    return true;
}

/* ---- reading again ---- */

static int open_active(struct qmgr *q, const struct message *m)
{
    struct queue_id id = message_queue_id(m);

    return queue_open(&q->layout, QUEUE_ACTIVE, &id, O_RDWR | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
}

static void note_trouble(struct message *m, enum envelope_result result, const char *trouble)
{
    if (result == ENVELOPE_CORRUPT) {
        log_warning("%s: corrupt queue file: %s", m->id, trouble);
        m->flags |= MESSAGE_BROKEN;
    } else {
        log_warning("%s: read queue file: %s", m->id, strerror(errno));
    }
    m->flags |= MESSAGE_DEFERRED;
}

const struct details *qmgr_message_details(struct qmgr *q, struct message *m)
{
    ARENA_AUTO(arena);
    struct queue_file f;
    struct envelope e;

    if (m->details)
        return m->details;
    int fd = open_active(q, m);
    if (fd < 0)
        return NULL;
    queue_file_init(&f, fd);
    enum envelope_result result = envelope_read(&f, &arena, NULL, NULL, &e);
    queue_file_close(&f);
    if (result == ENVELOPE_OK)
        message_set_details(&q->messages, m, details_new(&e));
    else
        note_trouble(m, result, e.trouble);
    return m->details;
}

static enum envelope_result read_more(struct qmgr *q, struct message *m, struct queue_file *f,
                                      struct batch *b, struct envelope *e)
{
    enum envelope_result result = envelope_read(f, b->arena, NULL, NULL, e);

    if (result != ENVELOPE_OK)
        return result;
    e->resume_at = m->resume_at;
    result = envelope_read_more(f, b->arena, batch_take, b, e);
    if (result == ENVELOPE_OK) {
        route_batch(q, e, b);
        schedule_batch(q, m, e, f, b);
    }
    return result;
}

static bool wants_refill(const struct message *m, const struct schedule_transport *t, int64_t now)
{
    const struct agent_pool *pool = t ? t->owner : NULL;
    int limit = pool ? pool->refill_limit : qmgr_conf.default_recipient_refill_limit;
    int64_t delay =
        pool ? pool->refill_delay_ms : (int64_t)qmgr_conf.default_recipient_refill_delay * 1000;

    return backoff_wants_refill(message_recipients(m), m->rcpt_limit, limit, now - m->refilled_ms,
                                delay);
}

bool qmgr_refill(struct qmgr *q, struct message *m, const struct schedule_transport *t)
{
    ARENA_AUTO(arena);
    int64_t now = clock_now_ms();
    struct queue_file f;
    struct envelope e = { 0 };

    if (!wants_refill(m, t, now))
        return false;
    m->rcpt_limit = MAX(m->rcpt_limit, recipient_limit(q, t));
    struct batch b = { .arena = &arena,
                       .limit = (size_t)MAX(m->rcpt_limit - message_recipients(m), 1) };
    int fd = open_active(q, m);

    m->refilled_ms = now;
    if (fd < 0) {
        m->flags |= MESSAGE_DEFERRED;
        m->resume_at = 0;
        return true;
    }
    queue_file_init(&f, fd);
    enum envelope_result result = read_more(q, m, &f, &b, &e);
    m->resume_at = result == ENVELOPE_OK ? e.resume_at : 0;
    if (result != ENVELOPE_OK)
        note_trouble(m, result, e.trouble);
    queue_file_close(&f);
    free(b.items);
    return true;
}
