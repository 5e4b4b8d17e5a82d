#pragma once
/* qmgr/state - what the parts of the queue manager share.  One process, one epoll loop; nothing waits for another
 * process.  The parts stand on floors, and each calls only what is below it:
 *
 *   settle     after the events of a turn: finishes, refills, dispatches, scans
 *   scan       finds queue files: at start, on triggers, at intervals, by cleanup's datagrams
 *   finish     reports, retries, expires or removes a message after its last recipient
 *   activate   opens a file and makes it active; refill: reads more of its recipients
 *   deliver    talks to delivery agents; request: what they are told
 *   batch      routes recipients, groups and schedules them
 *   defer      recipients that are not tried: dead destinations and transports
 *   route      where a recipient goes; transport: what is configured for who takes it there
 *   call       asks bounce, defer and trace; details, corrupt, spare: queue files
 *   schedule   decides what is delivered next; message, envelope, recipient: what there is (no sockets, no clock) */
#include "base/mem.h"
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

/* A deferred message that is to be activated at once. */
struct qmgr_again {
    struct list node;
    struct queue_id id;
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
    struct rewriter
        *probe_rewriter; /* for messages that verify(8) sends; NULL: they go where others go */
    struct queue_layout layout;
    struct schedule *schedule;
    struct message_table messages;
    struct map process_limits; /* transport name -> int, from master.cf */
    int64_t started;           /* wall-clock seconds */
    struct qmgr_scan incoming, deferred;
    struct list again;           /* struct qmgr_again */
    struct loop_timer *work;     /* more to scan */
    struct loop_timer *periodic; /* next scan of deferred */
    struct loop_timer *wake;     /* a destination may be tried again */
    int64_t wake_at;
    struct loop_timer *sweep; /* idle channels */
    int idle_channels;
    struct courier_rules call_rules;
    struct list calls; /* waiting for their turn */
    int calls_open;
    int64_t clog_check; /* next look whether a destination fills the queue */
    struct {
        const struct message *message;
        int fd;
    } fresh;                     /* what was activated last in this turn (qmgr/details.h) */
    struct queue_spares *spares; /* NULL: finished files are removed */
    struct loop_timer *quiet;    /* looks whether any was kept of late */
    bool kept_spare;
    bool stranded;            /* some file in active is nobody's: it could not be moved away */
    int64_t checked_ms;       /* last look whether a table was replaced */
    bool leaving;             /* no new deliveries */
    struct loop_timer *grace; /* how long deliveries under way may hold the process */
    bool grace_over;
};

static inline bool qmgr_is_full(const struct qmgr *q)
{
    return q->messages.count >= qmgr_conf.qmgr_message_active_limit;
}
/* Any number of wishes before the walk begins are one. */
static inline void qmgr_want_scan(struct qmgr_scan *s, bool all)
{
    s->wanted = true;
    s->wanted_all |= all;
}
/* One file of deferred, without a look at all the others. */
static inline void qmgr_try_again(struct qmgr *q, const struct queue_id *id)
{
    struct qmgr_again *a = mem_alloc(sizeof *a);

    a->id = *id;
    list_append(&q->again, &a->node);
}
