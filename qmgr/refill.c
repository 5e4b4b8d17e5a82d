#include "qmgr/refill.h"

#include "qmgr/backoff.h"
#include "qmgr/batch.h"
#include "qmgr/details.h"

static enum envelope_result read_more(struct qmgr *q, struct message *m, struct queue_file *f,
                                      struct batch *b, struct envelope *e)
{
    enum envelope_result result = envelope_read(f, b->arena, NULL, NULL, e);

    if (result != ENVELOPE_OK)
        return result;
    e->resume_at = m->resume_at;
    result = envelope_read_more(f, b->arena, qmgr_batch_take, b, e);
    if (result == ENVELOPE_OK) {
        qmgr_batch_schedule(b, q, m, e, f);
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
    m->rcpt_limit = MAX(m->rcpt_limit, qmgr_recipient_limit(q, t));
    struct batch b = { .arena = &arena,
                       .limit = (size_t)MAX(m->rcpt_limit - message_recipients(m), 1) };
    int fd = qmgr_open_active(q, m);

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
        qmgr_note_trouble(m, result, e.trouble);
    queue_file_close(&f);
    qmgr_batch_free(&b);
    return true;
}
