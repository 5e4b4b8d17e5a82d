#include "qmgr/details.h"

#include "base/log.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

int qmgr_open_active(const struct qmgr *q, const struct message *m)
{
    struct queue_id id = message_queue_id(m);

    return queue_open(&q->layout, QUEUE_ACTIVE, &id, O_RDWR | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
}

void qmgr_keep_fresh(struct qmgr *q, const struct message *m, int fd)
{
    qmgr_drop_fresh(q);
    q->fresh.message = m;
    q->fresh.fd = fd;
}

int qmgr_take_fresh(struct qmgr *q, const struct message *m)
{
    if (q->fresh.message != m)
        return -1;
    q->fresh.message = NULL;
    return q->fresh.fd;
}

void qmgr_drop_fresh(struct qmgr *q)
{
    if (q->fresh.message)
        close(q->fresh.fd);
    q->fresh.message = NULL;
}

void qmgr_note_trouble(struct message *m, enum envelope_result result, const char *trouble)
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
    int fd = qmgr_open_active(q, m);
    if (fd < 0)
        return NULL;
    queue_file_init(&f, fd);
    enum envelope_result result = envelope_read(&f, &arena, NULL, NULL, &e);
    queue_file_close(&f);
    if (result == ENVELOPE_OK)
        message_set_details(&q->messages, m, details_new(&e));
    else
        qmgr_note_trouble(m, result, e.trouble);
    return m->details;
}
