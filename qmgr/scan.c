#include "qmgr/scan.h"

#include "base/log.h"
#include "qmgr/activate.h"
#include "queue/notify.h"
#include "table/table.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#define STEPS_AT_ONCE  20  /* one incoming and one deferred message each */
#define LOOKS_AT_ONCE  200 /* deferred files whose time has not come */
#define CLOG_SHARE     2   /* a destination with more than 1/2 of a full queue is named */
#define TABLE_CHECK_MS 1000
#define CLOG_CHECK_MS  1000 /* all destinations are looked through */

static void on_work(void *context);

static void schedule_work(struct qmgr *q)
{
    if (q->work == NULL && !q->leaving)
        q->work = loop_timer_start(q->loop, 0, on_work, q);
}

static void scan_begin(struct qmgr_scan *s)
{
    s->walk = queue_scan_open(s->queue);
    s->all = s->wanted_all;
    s->wanted = s->wanted_all = false;
}

static bool has_work(const struct qmgr *q)
{
    return q->incoming.walk || q->incoming.wanted || q->deferred.walk || q->deferred.wanted ||
           !list_is_empty(&q->again);
}

void qmgr_scan_go_on(struct qmgr *q)
{
    service_set_queue_full(q->svc, qmgr_is_full(q));
    if (has_work(q) && !qmgr_is_full(q))
        schedule_work(q);
}

static bool scan_next(struct qmgr_scan *s, struct queue_id *id)
{
    if (s->walk == NULL && s->wanted)
        scan_begin(s);
    if (s->walk == NULL)
        return false;
    if (queue_scan_next(s->walk, id))
        return true;
    queue_scan_close(s->walk);
    s->walk = NULL;
    return false;
}

/* Most deferred files wait for their time: a stat tells. */
static bool is_due(const struct qmgr_scan *s)
{
    struct timeval now = clock_wall();
    struct stat st;

    if (s->all)
        return true;
    return stat(queue_scan_path(s->walk), &st) == 0 && st.st_mtime <= now.tv_sec + 1;
}

static void step_incoming(struct qmgr *q)
{
    struct queue_id id;

    if (scan_next(&q->incoming, &id))
        (void)qmgr_activate(q, &id, ACTIVATE_INCOMING, q->incoming.all);
}

static void step_again(struct qmgr *q)
{
    struct qmgr_again *a = LIST_FIRST(&q->again, struct qmgr_again, node);

    list_remove(&a->node);
    (void)qmgr_activate(q, &a->id, ACTIVATE_DEFERRED, true);
    free(a);
}

static void step_deferred(struct qmgr *q)
{
    struct queue_id id;

    if (!list_is_empty(&q->again)) {
        step_again(q);
        return;
    }
    for (int i = 0; i < LOOKS_AT_ONCE && scan_next(&q->deferred, &id); i++)
        if (is_due(&q->deferred)) {
            (void)qmgr_activate(q, &id, ACTIVATE_DEFERRED, q->deferred.all);
            return;
        }
}

static void warn_of_clog(struct qmgr *q)
{
    int64_t now = clock_now_ms();

    if (qmgr_conf.qmgr_clog_warn_time == 0 || !qmgr_conf.helpful_warnings || now < q->clog_check)
        return;
    q->clog_check = now + CLOG_CHECK_MS;
    const struct schedule_queue *busiest = schedule_busiest_queue(q->schedule);
    if (busiest == NULL || busiest->waiting * CLOG_SHARE < q->messages.count)
        return;
    q->clog_check = now + (int64_t)qmgr_conf.qmgr_clog_warn_time * 1000;
    log_warning("mail for %s is using up %d of %d active queue entries", busiest->nexthop,
                busiest->waiting, q->messages.count);
    log_warning("you may need to reduce %s connect and helo timeouts", busiest->transport->name);
    log_warning("please avoid flushing the whole queue when you have");
    log_warning("lots of deferred mail, that is bad for performance");
    log_warning("to turn off these warnings specify: qmgr_clog_warn_time = 0");
}

/* True: this process ends, and its successor routes mail by the new table. */
static bool tables_are_stale(struct qmgr *q)
{
    int64_t now = clock_now_ms();
    BUF_AUTO(table, 1000);

    if (now < q->checked_ms + TABLE_CHECK_MS)
        return false;
    q->checked_ms = now;
    if (!tables_have_changed(&table))
        return false;
    service_restart_for(q->svc, buf_cstr(&table));
    return true;
}

static void on_work(void *context)
{
    struct qmgr *q = context;

    q->work = NULL;
    if (tables_are_stale(q))
        return;
    for (int i = 0; i < STEPS_AT_ONCE && !qmgr_is_full(q) && has_work(q); i++) {
        step_incoming(q);
        if (!qmgr_is_full(q))
            step_deferred(q);
    }
    if (qmgr_is_full(q))
        warn_of_clog(q);
}

/* ---- new messages ---- */

static void take_new(struct qmgr *q, const struct queue_id *id)
{
    if (qmgr_is_full(q) || !qmgr_activate(q, id, ACTIVATE_NEW, false))
        q->incoming.wanted = true;
}

/* ---- files in active that are nobody's ---- */

static void put_back(struct qmgr *q, const struct queue_id *id)
{
    int fd =
        queue_open(&q->layout, QUEUE_ACTIVE, id, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);

    const char *to = fd >= 0 && qmgr_is_under_delivery(id, fd) ? QUEUE_DEFERRED : QUEUE_INCOMING;

    if (!queue_rename(&q->layout, QUEUE_ACTIVE, to, id) && errno != ENOENT)
        log_warning("%s: move to %s: %s", id->text, to, strerror(errno));
    fd_close(&fd);
}

/* What was active when the last qmgr ended, or could not be moved away when its time was over, is tried again. */
static void empty_active(struct qmgr *q)
{
    struct queue_scan *walk = queue_scan_open(QUEUE_ACTIVE);
    struct queue_id id;

    q->stranded = false;
    while (queue_scan_next(walk, &id))
        if (message_table_find(&q->messages, queue_id_str(&id)) == NULL)
            put_back(q, &id);
    queue_scan_close(walk);
    qmgr_want_scan(&q->incoming, false);
}

/* ---- triggers ---- */

/* All bytes count together, in whatever order they come. */
static void obey(struct qmgr *q, struct str request)
{
    bool all = str_has(request, 'A');

    if (str_has(request, 'F'))
        schedule_revive_all(q->schedule);
    if (str_has(request, 'D') && all) {
        message_table_flag_all(&q->messages, MESSAGE_FLUSHED);
        if (q->stranded)
            empty_active(q);
    }
    if (str_has(request, 'D'))
        qmgr_want_scan(&q->deferred, all);
    if (str_has(request, 'I') || str_has(request, 'W'))
        qmgr_want_scan(&q->incoming, all);
}

void qmgr_take_notes(struct qmgr *q, const struct str *notes, size_t count)
{
    struct queue_id id;

    bool stale = tables_are_stale(q); /* then the messages stay in incoming */
    for (size_t i = 0; i < count; i++) {
        if (!queue_notice_parse(notes[i], &id))
            obey(q, notes[i]);
        else if (!stale)
            take_new(q, &id);
    }
    if (service_has_lost(q->svc))
        qmgr_want_scan(&q->incoming, false);
}

/* False: nothing has come yet. */
static bool take_request(struct qmgr *q, int fd)
{
    char bytes[1024];
    ssize_t n = recv(fd, bytes, sizeof bytes, MSG_DONTWAIT);

    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return false;
    if (n > 0)
        qmgr_take_notes(q, &(struct str){ bytes, (size_t)n }, 1);
    return true;
}

static void on_trigger(void *context, int fd, uint32_t events)
{
    struct qmgr *q = context;

    (void)events;
    if (take_request(q, fd)) {
        loop_unwatch(q->loop, fd);
        close(fd);
    }
}

void qmgr_take_trigger(struct qmgr *q, int fd)
{
    if (take_request(q, fd))
        close(fd);
    else
        loop_watch(q->loop, fd, EPOLLIN, on_trigger, q);
}

/* ---- start ---- */

static void on_period(void *context)
{
    struct qmgr *q = context;

    q->periodic =
        loop_timer_start(q->loop, (int64_t)qmgr_conf.queue_run_delay * 1000, on_period, q);
    if (q->stranded)
        empty_active(q);
    qmgr_want_scan(&q->deferred, false);
}

void qmgr_start_scans(struct qmgr *q)
{
    q->started = clock_wall().tv_sec;
    empty_active(q);
    on_period(q);
    qmgr_scan_go_on(q); /* no event has come yet */
}
