#include "qmgr/refill.h"

#include "qmgr/backoff.h"
#include "qmgr/batch.h"
#include "qmgr/details.h"

static bool wants_refill(const struct message *m, const struct schedule_transport *t, int64_t now)
{
    const struct agent_pool *pool = t ? t->owner : NULL;
    int limit = pool ? pool->refill_limit : qmgr_conf.default_recipient_refill_limit;
    int64_t delay =
        pool ? pool->refill_delay_ms : (int64_t)qmgr_conf.default_recipient_refill_delay * 1000;

    return backoff_wants_refill(message_recipients(m), m->rcpt_limit, limit, now - m->refilled_ms,
                                delay);
}

/* What routing a recipient needs to know; read from the file at most once, however often that is refilled. */
static bool recall_envelope(struct qmgr *q, struct message *m, struct envelope *e)
{
    const struct details *d = qmgr_message_details(q, m);

    if (d == NULL)
        return false;
    *e = (struct envelope){
        .size = { .data_offset = m->data_offset, .content_size = m->content_size },
        .trace_flags = m->trace_flags,
        .resume_at = m->resume_at,
    };
    details_put(d, e);
    return true;
}

static enum envelope_result read_more(struct qmgr *q, struct message *m, struct batch *b,
                                      struct envelope *e)
{
    struct queue_file f;
    int fd = qmgr_open_active(q, m);

    if (fd < 0)
        return ENVELOPE_ERROR;
    queue_file_init(&f, fd);
    enum envelope_result result = envelope_read_more(&f, b->arena, qmgr_batch_take, b, e);
    if (result == ENVELOPE_OK)
        qmgr_batch_schedule(b, q, m, e, &f);
    queue_file_close(&f);
    return result;
}

bool qmgr_refill(struct qmgr *q, struct message *m, const struct schedule_transport *t)
{
    ARENA_AUTO(arena);
    int64_t now = clock_now_ms();
    struct envelope e = { 0 };

    if (!wants_refill(m, t, now))
        return false;
    m->rcpt_limit = MAX(m->rcpt_limit, qmgr_recipient_limit(q, t));
    m->refilled_ms = now;
    struct batch b = { .arena = &arena,
                       .limit = (size_t)MAX(m->rcpt_limit - message_recipients(m), 1) };
    enum envelope_result result =
        recall_envelope(q, m, &e) ? read_more(q, m, &b, &e) : ENVELOPE_ERROR;
    m->resume_at = result == ENVELOPE_OK ? e.resume_at : 0;
    if (result != ENVELOPE_OK)
        qmgr_note_trouble(m, result, e.trouble);
    qmgr_batch_free(&b);
    return true;
}
