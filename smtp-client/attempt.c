#include "smtp-client/attempt.h"

#include "base/log.h"
#include "smtp-client/greet.h"
#include "smtp-client/transfer.h"

#include <stdio.h>

bool tls_is_optional(const struct delivery_request *r)
{
    return (r->sendopts & SENDOPT_TLS_OPTIONAL) && !(r->sendopts & SENDOPT_REQUIRETLS);
}

size_t attempt_unfinished(const struct attempt *at)
{
    const struct delivery *d = at->d;
    size_t n = 0;

    for (size_t i = 0; i < d->count; i++)
        n += d->recipients[i].finished ? 0 : 1;
    return n;
}

void attempt_note(struct attempt *at, const struct fault *fault)
{
    bool may_work_later = at->fault.text.len && !at->fault.permanent;

    if (fault->text.len && !(fault->permanent && may_work_later))
        at->fault = *fault;
}

void attempt_finish_rest(struct attempt *at)
{
    struct fault *f = &at->fault;
    struct outcome o = { .status = f->permanent ? OUTCOME_BOUNCED : OUTCOME_DEFERRED };

    if (f->text.len == 0)
        fault_set(f, &at->d->arena, "4.3.0", false, "server unavailable or unable to receive mail");
    if (f->parameter)
        log_warning("%s configuration problem", f->parameter);
    if (f->reply.len) {
        o.diag_type = STR("smtp");
        o.diag_text = f->reply;
        o.mta_name = f->server;
    }
    o.text = f->text;
    (void)snprintf(o.dsn, sizeof o.dsn, "%s", f->dsn);
    delivery_finish_rest(at->d, &o);
}

static void begin_message(struct client_session *s, struct delivery *d)
{
    s->queue_id = arena_str(&s->arena, d->request.queue_id);
    if (!s->at_odds && s->uses > 1)
        transcript_trim(&s->said, 0);
}

void attempt_transfer(struct attempt *at, bool more_servers)
{
    struct client_session *s = at->session;
    struct delivery *d = at->d;
    struct transfer t = { .d = d,
                          .session = s,
                          .arguments = at->arguments,
                          .more_servers = more_servers,
                          .last = at->last,
                          .requiretls = at->requiretls };

    d->relay = arena_str(&d->arena, s->relay);
    d->conn_use = ++s->uses;
    gettimeofday(&d->times.conn_done, NULL);
    begin_message(s, d);
    transfer_run(&t);
    at->reached = true;
    at->lost = t.lost;
    attempt_note(at, &t.fault);
    if (t.lost || s->dialogue.closing)
        session_close(s, !t.lost);
}
