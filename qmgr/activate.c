#include "qmgr/activate.h"

#include "base/log.h"
#include "delivery/log_line.h"
#include "os/lock.h"
#include "qmgr/batch.h"
#include "qmgr/corrupt.h"
#include "qmgr/details.h"
#include "queue/seal.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

/* Messages whose texts stay in memory; others are read again when their turn comes. */
#define DETAILED_MAX 500

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

/* Was the file put into incoming by somebody else than a cleanup(8) of this process's time? */
static bool is_from_before(const struct qmgr *q, const struct stat *st)
{
    return st->st_mtime <= q->started || st->st_mtime > clock_wall().tv_sec;
}

/* Could an earlier attempt have left something beside the file?  Not if the message is younger than this process and cleanup(8)
 * has just told of it.  The file's own times prove nothing: an agent of the queue manager before us may still mark what
 * it did for that one, and flush(8) sets them anew. */
static bool was_tried(const struct qmgr *q, const struct envelope *e, enum activate_from from)
{
    return from != ACTIVATE_NEW || e->create_time <= q->started;
}

static struct message *new_message(const struct qmgr *q, const struct queue_id *id,
                                   const struct envelope *e, const struct stat *st,
                                   enum activate_from from, bool all)
{
    struct message *m = message_new(id, e);
    struct timeval now = clock_wall();

    m->active_us = (int64_t)now.tv_sec * 1000000 + now.tv_usec;
    m->refilled_ms = clock_now_ms();
    if (e->sealed)
        m->flags |= MESSAGE_SEALED;
    if (was_tried(q, e, from))
        m->flags |= MESSAGE_TRIED;
    if (st->st_mode & QUEUE_MODE_UNTHROTTLE)
        m->flags |= MESSAGE_UNTHROTTLE | MESSAGE_ASKED_FOR;
    if (all)
        m->flags |= MESSAGE_ASKED_FOR;
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
        qmgr_batch_schedule(b, q, m, e, f);
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

/* Does the file come from before this process, and so perhaps from before a power cut?  What was deferred or put into
 * incoming meanwhile has newer times, even if that is the time of its next attempt. */
static bool is_old(const struct qmgr *q, const struct stat *st, enum activate_from from)
{
    if (from == ACTIVATE_DEFERRED)
        return st->st_ctime <= q->started || st->st_mtime <= q->started;
    return from == ACTIVATE_INCOMING && is_from_before(q, st);
}

static enum envelope_result read_file(const struct qmgr *q, const struct queue_id *id,
                                      struct queue_file *f, const struct stat *st,
                                      enum activate_from from, struct batch *b, struct envelope *e)
{
    if (is_old(q, st, from) && !queue_seal_holds(f, id, st->st_ino)) {
        *e = (struct envelope){ .trouble = "not the message that its name says" };
        return ENVELOPE_CORRUPT;
    }
    return envelope_read(f, b->arena, qmgr_batch_take, b, e);
}

/* The open file, in active, to its recipients.  False: it is damaged or cannot be read. */
static bool read_and_start(struct qmgr *q, const struct queue_id *id, int fd, const struct stat *st,
                           enum activate_from from, bool all)
{
    ARENA_AUTO(arena);
    struct batch b = { .arena = &arena, .limit = (size_t)qmgr_recipient_limit(q, NULL) };
    struct queue_file f;
    struct envelope e;

    queue_file_init_known(&f, fd, st);
    enum envelope_result result = read_file(q, id, &f, st, from, &b, &e);
    if (result == ENVELOPE_OK) {
        struct message *m = new_message(q, id, &e, st, from, all);

        start_message(q, m, id, &f, &e, &b);
        if (from != ACTIVATE_DEFERRED) { /* it has no lock of ours */
            qmgr_keep_fresh(q, m, f.fd);
            f.fd = -1;
        }
        queue_file_close(&f);
        qmgr_batch_free(&b);
        message_mark(&q->messages, m, NULL);
        return true;
    }
    if (result == ENVELOPE_CORRUPT)
        qmgr_save_corrupt(q, QUEUE_ACTIVE, id, e.trouble);
    else
        log_warning("%s: read queue file: %s", id->text, strerror(errno));
    queue_file_close(&f);
    qmgr_batch_free(&b);
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
    if (read_and_start(q, id, fd, &st, from, all))
        return true;
    /* A read error may pass. */
    if (!queue_rename(&q->layout, QUEUE_ACTIVE, QUEUE_DEFERRED, id))
        log_warning("%s: move to deferred: %s", id->text, strerror(errno));
    return true;
}
