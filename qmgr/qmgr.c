/* qmgr - the queue manager: decides when and by whom each message is delivered.
 *
 * Runs as:   mail_owner, inside the queue directory when master.cf says chroot; one process
 * Trusts:    main.cf, master.cf and the tables of lib/rewrite
 * Distrusts: every byte of a queue file, triggers, datagrams, and what delivery agents answer */
#include "base/log.h"
#include "delivery/delivery.h"
#include "qmgr/call.h"
#include "qmgr/deliver.h"
#include "qmgr/scan.h"
#include "qmgr/settle.h"
#include "qmgr/spare.h"
#include "qmgr/transport.h"
#include "queue/notify.h"

/* For deliveries under way at a reload; what is left is skipped while it is locked. */
#define GRACE_MS 10000

static struct qmgr the_qmgr;

static void before_jail(struct service *svc)
{
    struct qmgr *q = &the_qmgr;

    q->svc = svc;
    q->conf = service_conf(svc);
    q->layout = (struct queue_layout){ site_conf.hash_queue_names, site_conf.hash_queue_depth };
    q->schedule = schedule_new();
    q->incoming.queue = QUEUE_INCOMING;
    q->deferred.queue = QUEUE_DEFERRED;
    list_init(&q->again);
    qmgr_open_calls(q);
    delivery_log_open(q->conf);
    qmgr_read_master(q);
    q->rewriter = rewrite_open(q->conf, site_conf.rewrite_service_name);
    q->probe_rewriter = rewrite_open_for_probes(q->conf, site_conf.rewrite_service_name);
}

static void after_jail(struct service *svc)
{
    the_qmgr.loop = service_loop(svc);
    loop_at_turn_end(the_qmgr.loop, qmgr_settle, &the_qmgr);
    qmgr_open_spares(&the_qmgr);
    qmgr_start_scans(&the_qmgr);
}

static void serve(struct service *svc, int fd)
{
    (void)svc;
    qmgr_take_trigger(&the_qmgr, fd);
}

static void notes(struct service *svc, const struct str *list, size_t count)
{
    (void)svc;
    qmgr_take_notes(&the_qmgr, list, count);
}

static void end_grace(void *context)
{
    struct qmgr *q = context;

    q->grace_over = true;
}

/* Master(8) starts the next qmgr when somebody asks for it; nobody else may do so for a while. */
static void call_successor(void)
{
    BUF_AUTO(path, 200);

    buf_join(&path, STR("public/"), site_conf.queue_service_name);
    if (!queue_trigger(buf_cstr(&path), STR("I"), 0))
        log_debug("%s: nobody listens", buf_cstr(&path));
}

/* Deliveries under way get a moment; what waits is found in active by the next qmgr. */
static bool may_leave(struct service *svc)
{
    struct qmgr *q = &the_qmgr;

    (void)svc;
    if (!q->leaving) {
        q->leaving = true;
        call_successor();
        q->grace = loop_timer_start(q->loop, GRACE_MS, end_grace, q);
    }
    return q->grace_over || !qmgr_has_deliveries(q);
}

static const struct sandbox_path paths[] = {
    { QUEUE_INCOMING, SANDBOX_CHANGE },
    { QUEUE_ACTIVE, SANDBOX_CHANGE },
    { QUEUE_DEFERRED, SANDBOX_CHANGE },
    { QUEUE_CORRUPT, SANDBOX_CHANGE },
    { QUEUE_BOUNCE, SANDBOX_CHANGE },
    { QUEUE_DEFER, SANDBOX_CHANGE },
    { QUEUE_TRACE, SANDBOX_CHANGE },
    { QUEUE_SPARE, SANDBOX_CHANGE },
    { NULL, SANDBOX_READ },
};

static const struct service_spec qmgr = {
    .name = "qmgr",
    .kind = SERVICE_MULTI,
    .params = (const struct param_set *const[]){ &qmgr_param_set, &verify_param_set, NULL },
    .sandbox = SANDBOX_QUEUE,
    .paths = paths,
    .process_limit = 1,
    .no_max_use = true,
    .patience = &qmgr_conf.qmgr_daemon_timeout,
    .before_jail = before_jail,
    .after_jail = after_jail,
    .serve = serve,
    .notes = notes,
    .may_leave = may_leave,
};

int main(int argc, char **argv) { service_main(&qmgr, argc, argv); }
