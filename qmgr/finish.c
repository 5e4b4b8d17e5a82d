#include "qmgr/finish.h"

#include "base/log.h"
#include "delivery/log_line.h"
#include "ipc/messages/bounce.h"
#include "qmgr/backoff.h"
#include "qmgr/call.h"
#include "qmgr/corrupt.h"
#include "qmgr/details.h"
#include "qmgr/spare.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#define WARN_WIDTH 15

enum step { STEP_BOUNCE, STEP_TRACE, STEP_DEFERRED };

/* ---- requests to bounce, defer, trace ---- */

static void put_report(struct buf *body, const struct message *m, const struct details *d)
{
    struct bounce_report r = {
        .queue_name = STR(QUEUE_ACTIVE),
        .queue_id = str_from(m->id),
        .encoding = details_get(d, DETAIL_ENCODING),
        .sendopts = m->sendopts,
        .sender = details_get(d, DETAIL_SENDER),
        .dsn_envid = details_get(d, DETAIL_ENVID),
        .dsn_ret = m->ret_flags,
        .verp_delims = details_get(d, DETAIL_VERP),
        .arrival_sec = m->arrival_us / 1000000,
    };

    bounce_report_encode(body, &r);
}

/* False: the file cannot be read any more, so there is nothing to report about. */
static bool ask_for_report(struct qmgr *q, struct message *m, struct str service, char kind,
                           qmgr_call_fn *done)
{
    const struct details *d = qmgr_message_details(q, m);
    BUF_AUTO(body, 0);

    if (d == NULL)
        return false;
    put_report(&body, m, d);
    qmgr_call(q, service, kind, buf_str(&body), m, done);
    return true;
}

static bool has_log(struct qmgr *q, const struct message *m, const char *dir, unsigned flag)
{
    struct queue_id id = message_queue_id(m);
    struct stat st;

    return (m->flags & flag) ||
           ((m->flags & MESSAGE_TRIED) && queue_stat(&q->layout, dir, &id, &st));
}

/* ---- the end of a message ---- */

static void forget(struct qmgr *q, struct message *m) { message_table_remove(&q->messages, m); }

static void remove_message(struct qmgr *q, struct message *m)
{
    struct queue_id id = message_queue_id(m);

    if (((m->flags & MESSAGE_SEALED) && qmgr_keep_spare(q, &id)) ||
        queue_remove(&q->layout, QUEUE_ACTIVE, &id))
        log_info("%s: removed", m->id);
    else if (errno != ENOENT)
        log_warning("%s: remove from active: %s", m->id, strerror(errno));
    forget(q, m);
}

/* Mode and time in the file are for the next attempt.  By descriptor: a confined process has no right to
 * change them by name. */
static void stamp(const struct qmgr *q, const struct message *m, const struct queue_id *id,
                  mode_t mode, int64_t delay)
{
    time_t due = clock_wall().tv_sec + delay;
    struct timespec times[2] = { { .tv_sec = due }, { .tv_sec = due } };
    FD_AUTO(fd, queue_open(&q->layout, QUEUE_ACTIVE, id, O_RDONLY | O_NONBLOCK));

    if (fd < 0) {
        if (errno != ENOENT)
            log_warning("%s: open: %s", m->id, strerror(errno));
        return;
    }
    if (fchmod(fd, mode) != 0)
        log_warning("%s: set mode: %s", m->id, strerror(errno));
    if (futimens(fd, times) != 0)
        log_warning("%s: set time stamps: %s", m->id, strerror(errno));
}

/* Later.  Who flushed the queue while the message was active meant it too, and may have mended what
 * this attempt failed for: the next one begins at once and finds no destination suspended. */
static void put_off(struct qmgr *q, struct message *m)
{
    struct queue_id id = message_queue_id(m);
    bool at_once = m->flags & MESSAGE_FLUSHED;

    if (at_once)
        stamp(q, m, &id, QUEUE_MODE_READY | QUEUE_MODE_UNTHROTTLE, 0);
    else
        stamp(q, m, &id, QUEUE_MODE_READY,
              backoff_delay(clock_wall().tv_sec, m->create_time, qmgr_conf.minimal_backoff_time,
                            qmgr_conf.maximal_backoff_time));
    if (!queue_rename(&q->layout, QUEUE_ACTIVE, QUEUE_DEFERRED, &id) && errno != ENOENT) {
        log_warning("%s: move to deferred: %s", m->id, strerror(errno));
        q->stranded = true;
    }
    forget(q, m);
    if (at_once)
        qmgr_try_again(q, &id);
}

static void set_aside(struct qmgr *q, struct message *m)
{
    struct queue_id id = message_queue_id(m);

    qmgr_save_corrupt(q, QUEUE_ACTIVE, &id, "see above");
    forget(q, m);
}

/* ---- deferred messages ---- */

static bool is_expired(const struct message *m, int64_t now)
{
    int64_t lifetime = m->flags & MESSAGE_NULL_SENDER ? qmgr_conf.bounce_queue_lifetime
                                                      : qmgr_conf.maximal_queue_lifetime;

    return backoff_is_expired(now, m->create_time, lifetime);
}

static void after_return(struct qmgr *q, struct message *m, bool ok)
{
    if (ok)
        remove_message(q, m);
    else
        put_off(q, m);
}

static void log_expired(struct qmgr *q, struct message *m)
{
    const struct details *d = qmgr_message_details(q, m);
    BUF_AUTO(sender, 0);

    if (d)
        delivery_log_address(&sender, details_get(d, DETAIL_SENDER));
    log_info("%s: from=<" STR_FMT ">, status=%s, returned to sender", m->id,
             STR_ARG(buf_str(&sender)),
             m->flags & MESSAGE_FORCE_EXPIRE ? "force-expired" : "expired");
}

#define WARN_DONE "              0"

/* The file may be another one under the same name by now. */
static bool is_warning_time(int fd, off_t at)
{
    const char head[2] = { REC_WARN, sizeof WARN_DONE - 1 };
    char found[sizeof head];

    return pread(fd, found, sizeof found, at) == (ssize_t)sizeof found &&
           memcmp(found, head, sizeof head) == 0;
}

/* "0" in the place of the time: the notice was sent. */
static void clear_warning(struct qmgr *q, struct message *m)
{
    struct queue_id id = message_queue_id(m);
    FD_AUTO(fd, queue_open(&q->layout, QUEUE_ACTIVE, &id,
                           O_RDWR | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK));

    if (fd < 0)
        return;
    if (!is_warning_time(fd, (off_t)m->warn_at))
        log_warning("%s: update warning time: it is not where it was", m->id);
    else if (!fd_pwrite_all(fd, STR(WARN_DONE), (off_t)m->warn_at + 2))
        log_warning("%s: update warning time: %s", m->id, strerror(errno));
}

static void after_warning(struct qmgr *q, struct message *m, bool ok)
{
    if (ok)
        clear_warning(q, m);
    put_off(q, m);
}

static bool lies_in(struct qmgr *q, const char *queue, const struct queue_id *id)
{
    struct stat st;

    return queue_stat(&q->layout, queue, id, &st);
}

static void drop_defer_log(const struct qmgr *q, const struct message *m, const struct queue_id *id)
{
    if (!queue_remove(&q->layout, QUEUE_DEFER, id) && errno != ENOENT)
        log_warning("%s: remove defer log: %s", m->id, strerror(errno));
}

/* Deleted, held or submitted anew while it was tried: it is not ours any more.  Agents may have
 * added to its log after the operator removed that. */
static void lose_message(struct qmgr *q, struct message *m, const struct queue_id *id)
{
    if (!lies_in(q, QUEUE_HOLD, id) && !lies_in(q, QUEUE_DEFERRED, id) &&
        !lies_in(q, QUEUE_INCOMING, id))
        drop_defer_log(q, m, id);
    forget(q, m);
}

static void end_deferred(struct qmgr *q, struct message *m)
{
    struct queue_id id = message_queue_id(m);
    int64_t now = clock_wall().tv_sec;

    if (!lies_in(q, QUEUE_ACTIVE, &id) && errno == ENOENT) {
        lose_message(q, m, &id);
        return;
    }
    /* No report from a log that lacks a recipient: the next attempt makes a new one. */
    if (m->flags & MESSAGE_UNRECORDED) {
        drop_defer_log(q, m, &id);
        put_off(q, m);
        return;
    }
    /* The end of the message would leave what bounced unsaid. */
    if (m->flags & MESSAGE_UNREPORTED) {
        put_off(q, m);
        return;
    }
    if ((m->flags & MESSAGE_FORCE_EXPIRE) || is_expired(m, now)) {
        log_expired(q, m);
        if (!ask_for_report(q, m, site_conf.defer_service_name, BOUNCE_FLUSH, after_return))
            put_off(q, m);
        return;
    }
    if (m->warn_time && m->warn_at && m->warn_time <= now && !(m->flags & MESSAGE_NULL_SENDER) &&
        ask_for_report(q, m, site_conf.defer_service_name, BOUNCE_WARN, after_warning))
        return;
    put_off(q, m);
}

/* ---- one step after the other ---- */

static void after_report(struct qmgr *q, struct message *m, bool ok)
{
    if (!ok) {
        log_info("%s: status=deferred (bounce failed)", m->id);
        m->flags |= MESSAGE_DEFERRED | MESSAGE_UNREPORTED;
    }
    message_mark(&q->messages, m, NULL);
}

static bool start_step(struct qmgr *q, struct message *m, enum step step)
{
    switch (step) {
    case STEP_BOUNCE:
        if (!has_log(q, m, QUEUE_BOUNCE, MESSAGE_BOUNCED))
            return false;
        return ask_for_report(q, m, site_conf.bounce_service_name,
                              m->core.one_by_one && !qmgr_conf.disable_verp_bounces ? BOUNCE_VERP
                                                                                    : BOUNCE_FLUSH,
                              after_report);
    case STEP_TRACE:
        if (!has_log(q, m, QUEUE_TRACE, MESSAGE_TRACED))
            return false;
        return ask_for_report(q, m, site_conf.trace_service_name,
                              m->flags & MESSAGE_CONFIRM ? BOUNCE_CONFIRM : BOUNCE_FLUSH,
                              after_report);
    case STEP_DEFERRED:
        break;
    }
    return false;
}

static void go_on(struct qmgr *q, struct message *m)
{
    while (m->finish_step < STEP_DEFERRED)
        if (start_step(q, m, (enum step)m->finish_step++))
            return;
    if (m->flags & MESSAGE_BROKEN)
        set_aside(q, m);
    else if (m->flags & MESSAGE_DEFERRED)
        end_deferred(q, m);
    else
        remove_message(q, m);
}

void qmgr_finish(struct qmgr *q, struct message *m)
{
    if (schedule_message_is_done(&m->core) && m->recording == 0 && m->resume_at == 0)
        go_on(q, m);
}
