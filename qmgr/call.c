#include "qmgr/call.h"

#include "base/log.h"
#include "base/mem.h"
#include "ipc/courier.h"
#include "ipc/messages/bounce.h"

#include <stdlib.h>

#define CALLS_MAX  50
#define REPLY_MAX  4096
#define OPEN_TRIES 50

struct call {
    struct list node; /* in the line */
    struct qmgr *q;
    struct message *m;
    qmgr_call_fn *done;
    struct courier *courier;
    struct str service;
    struct buf body;
    char kind;
};

static void call_start(struct call *c);

void qmgr_open_calls(struct qmgr *q)
{
    list_init(&q->calls);
    q->call_rules = (struct courier_rules){
        .open = courier_open,
        .open_tries = OPEN_TRIES,
        .deadline_ms = (int64_t)qmgr_conf.qmgr_ipc_timeout * 1000,
        .answer_max = REPLY_MAX,
    };
}

static void start_next(struct qmgr *q)
{
    struct call *c;

    while (q->calls_open < CALLS_MAX && (c = LIST_FIRST(&q->calls, struct call, node)) != NULL) {
        list_remove(&c->node);
        q->calls_open++;
        call_start(c);
    }
}

static void call_end(struct call *c, bool ok)
{
    struct qmgr *q = c->q;
    struct message *m = c->m;
    qmgr_call_fn *done = c->done;

    if (!ok)
        log_warning("private/" STR_FMT ": service failure", STR_ARG(c->service));
    courier_free(c->courier);
    buf_free(&c->body);
    free(c);
    q->calls_open--;
    start_next(q);
    if (done)
        done(q, m, ok);
}

static void on_answer(void *context, const struct courier_answer *answer)
{
    struct bounce_reply reply;
    struct str body = answer->body;

    call_end(context, answer->result == COURIER_ANSWERED && answer->kind == BOUNCE_REPLY &&
                          bounce_reply_decode(&body, &reply) && reply.status == 0);
}

/* Not at once: the caller of qmgr_call() expects its answer later. */
static void fail_later(void *context) { call_end(context, false); }

static void call_start(struct call *c)
{
    c->courier = courier_new(c->q->loop, &c->q->call_rules, c->service, c);
    if (!courier_send(c->courier, c->kind, buf_str(&c->body), on_answer, c))
        (void)loop_timer_start(c->q->loop, 0, fail_later, c);
}

void qmgr_call(struct qmgr *q, struct str service, char kind, struct str body, struct message *m,
               qmgr_call_fn *done)
{
    struct call *c = mem_alloc(sizeof *c);

    c->q = q;
    c->m = m;
    c->done = done;
    c->service = service;
    c->kind = kind;
    buf_add(&c->body, body);
    list_append(&q->calls, &c->node);
    start_next(q);
}
