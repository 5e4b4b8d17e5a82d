#pragma once
/* qmgr - the queue manager's parts and what they share.  One process, one epoll loop; nothing here
 * waits for another process.
 *
 *   scan.c      finds queue files: at start, on triggers, at intervals, by cleanup's datagrams
 *   activate.c  opens one, makes it active, reads its recipients (envelope.c), later more of them
 *   route.c     resolves recipients and applies what stands above the resolver
 *   schedule.c  decides what is delivered next (pure)
 *   deliver.c   talks to delivery agents; request.c is what they are told
 *   defer.c     recipients that are not tried: dead destinations and transports
 *   finish.c    reports, retries, expires or removes a message after its last recipient
 *   spare.c     keeps files of finished messages for the next ones
 *   call.c      requests to bounce, defer and trace
 *   settle.c    after all events: finishes, refills, dispatches, scans */
#include "conf/conf.h"
#include "ipc/courier.h"
#include "os/loop.h"
#include "qmgr/message.h"
#include "queue/dir.h"
#include "rewrite/rewrite.h"
#include "service/service.h"

#define QMGR_RETRY_TRANSPORT "retry" /* logs and records deferred recipients */

/* A walk over incoming or deferred. */
struct qmgr_scan {
    const char *queue;
    struct queue_scan *walk; /* NULL: none under way */
    bool all;                /* ignore time stamps */
    bool wanted, wanted_all; /* the next one: files behind the present walk may be meant */
};

/* Delivery agents of one transport; owner of its schedule_transport. */
struct agent_pool {
    struct list idle; /* kept channels, longest idle first */
    int channels;
    int recipient_limit, extra_recipient_limit; /* in memory */
    int refill_limit;
    int64_t refill_delay_ms;
};

struct qmgr {
    struct service *svc;
    struct loop *loop;
    struct conf *conf;
    struct rewriter *rewriter;
    struct queue_layout layout;
    struct schedule *schedule;
    struct message_table messages;
    struct map process_limits; /* transport name -> int, from master.cf */
    int notify_fd;
    int64_t started; /* wall-clock seconds */
    struct qmgr_scan incoming, deferred;
    struct loop_timer *work;     /* more to scan */
    struct loop_timer *periodic; /* next scan of deferred */
    struct loop_timer *wake;     /* a destination may be tried again */
    int64_t wake_at;
    struct loop_timer *sweep; /* idle channels */
    int idle_channels;
    struct courier_rules call_rules;
    struct list calls; /* waiting for their turn */
    int calls_open;
    int64_t clogged_at;          /* last warning */
    struct queue_spares *spares; /* NULL: finished files are removed */
    struct loop_timer *quiet;    /* looks whether any was kept of late */
    bool kept_spare;
    bool stranded;            /* some file in active is nobody's: it could not be moved away */
    int64_t checked_ms;       /* last look whether a table was replaced */
    bool leaving;             /* no new deliveries */
    struct loop_timer *grace; /* how long deliveries under way may hold the process */
    bool grace_over;
};

/* scan.c */
void qmgr_scan_start(struct qmgr *q, struct qmgr_scan *scan, bool all);
void qmgr_scan_go_on(struct qmgr *q); /* room may have become free */
void qmgr_open_notify(struct qmgr *q);
void qmgr_take_trigger(struct qmgr *q, int fd);
void qmgr_start_scans(struct qmgr *q);
bool qmgr_is_full(const struct qmgr *q);

/* activate.c */
enum activate_from { ACTIVATE_NEW, ACTIVATE_INCOMING, ACTIVATE_DEFERRED };
/* True if an agent of the last qmgr still works on the open file, because a second delivery would
 * run beside the first: logged, and its time is put off. */
bool qmgr_is_under_delivery(const struct queue_id *id, int fd);
/* Move a message to active and schedule it.  False: it stays where it is for now. */
bool qmgr_activate(struct qmgr *q, const struct queue_id *id, enum activate_from from, bool all);
/* The texts of a message, read again when they were dropped; NULL: the file cannot be read. */
const struct details *qmgr_message_details(struct qmgr *q, struct message *m);
/* More recipients from the file, where there are some (m->resume_at); `t` delivered some of the last
 * ones (may be NULL).  False: it is not time yet. */
bool qmgr_refill(struct qmgr *q, struct message *m, const struct schedule_transport *t);
/* Move a damaged file aside. */
void qmgr_save_corrupt(struct qmgr *q, const char *queue, const struct queue_id *id,
                       const char *why);

/* route.c */
struct route {
    struct str transport, nexthop, key, address;
    bool discard; /* mail to the double-bounce address */
};
/* Where one recipient goes; texts live in `a`. */
struct route qmgr_route(struct qmgr *q, const struct envelope *e, struct str address,
                        struct arena *a);
/* The transport, with its parameters, created at first use. */
struct schedule_transport *qmgr_transport(struct qmgr *q, struct str name);
void qmgr_read_master(struct qmgr *q);

/* request.c */
/* Append the body of a delivery request. */
void qmgr_put_request(struct buf *body, const struct schedule_entry *e, const struct details *d);

/* deliver.c */
void qmgr_dispatch(struct qmgr *q); /* start what may be delivered */
bool qmgr_has_deliveries(const struct qmgr *q);

/* defer.c */
/* The delivery line of a recipient that no agent sees. */
void qmgr_log_recipient(const struct message *m, struct str address, struct str orig,
                        struct str dsn, const char *status, struct str reason);
/* Recipients that cannot be tried now; takes the chain over. */
void qmgr_defer(struct qmgr *q, struct message *m, struct recipient *first, int count,
                struct str dsn, struct str reason);
/* The same for recipients that waited for `queue`: those of the retry transport keep their reason. */
void qmgr_defer_from(struct qmgr *q, const struct schedule_queue *queue, struct message *m,
                     struct recipient *first, int count, struct str dsn, struct str reason);
/* Free those of a chain that are marked as done in the file; how many are left. */
int qmgr_drop_done(struct qmgr *q, struct message *m, struct recipient **first);
void qmgr_defer_queue(struct qmgr *q, struct schedule_queue *queue);
void qmgr_defer_transport(struct qmgr *q, struct schedule_transport *t);

/* finish.c */
/* If nothing is left to deliver: report, defer or remove.  The message may be gone afterwards. */
void qmgr_finish(struct qmgr *q, struct message *m);

/* settle.c */
/* At the end of each turn of the loop, whatever happened in it: nothing else ends messages or starts deliveries. */
void qmgr_settle(void *context);

/* spare.c */
void qmgr_open_spares(struct qmgr *q);
/* Keep the file of a message that is done; false: it is where it was. */
bool qmgr_keep_spare(struct qmgr *q, const struct queue_id *id);

/* call.c */
typedef void qmgr_call_fn(struct qmgr *q, struct message *m, bool ok);
void qmgr_open_calls(struct qmgr *q);
/* Send one frame to private/<service> (a parameter's value) and report whether it answered 0. */
void qmgr_call(struct qmgr *q, struct str service, char kind, struct str body, struct message *m,
               qmgr_call_fn *done);
