/* Reporting what became of a recipient: log line, bounce, defer and trace logs, mark in the queue
 * file. */
#include "delivery/finish.h"

#include "base/log.h"
#include "client/bounce.h"
#include "client/verify.h"
#include "delivery/delivery.h"
#include "delivery/fast_flush.h"
#include "delivery/status_filter.h"
#include "text/dsn.h"

#include <errno.h>

/* DSN actions (RFC 3464) and status words of the log, by outcome. */
static const struct {
    const char *action, *probe_action, *status, *probe_status;
    enum verify_status verdict;
} words[] = {
    [OUTCOME_SENT] = { "delivered", "deliverable", "sent", "deliverable", VERIFY_OK },
    [OUTCOME_DEFERRED] = { "delayed", "undeliverable", "deferred", "undeliverable", VERIFY_DEFER },
    [OUTCOME_BOUNCED] = { "failed", "undeliverable", "bounced", "undeliverable", VERIFY_BOUNCE },
};

struct agent_verify finish_find_verify(struct conf *conf)
{
    struct str cache = conf_value(conf, STR("address_verify_negative_cache"));

    return (struct agent_verify){
        .service = conf_value(conf, STR("address_verify_service_name")),
        .keeps_failures = !str_equal_nocase(cache, STR("no")),
    };
}

bool delivery_is_probe(const struct delivery *d)
{
    return d->request.flags & (DELIVERY_FLAG_PROBE_MTA | DELIVERY_FLAG_PROBE_USER);
}

static struct timeval time_of(int64_t sec, int64_t usec)
{
    return (struct timeval){ .tv_sec = (time_t)sec, .tv_usec = (suseconds_t)usec };
}

static void write_line(struct delivery *d, const struct delivery_recipient *who,
                       const struct outcome *o, const char *status)
{
    const struct delivery_request *r = &d->request;
    struct delivery_log line = {
        .queue_id = arena_cstr(&d->arena, r->queue_id),
        .recipient = who->address,
        .orig_rcpt = who->orig_addr,
        .relay = d->relay,
        .conn_use = d->conn_use,
        .arrival = time_of(r->arrival_sec, r->arrival_usec),
        .active = time_of(r->active_sec, r->active_usec),
        .start = d->times.deliver_start,
        .conn_done = d->times.conn_done,
        .now = clock_wall(),
        .tls_summary = d->tls_summary,
        .dsn = o->dsn,
        .status = status,
        .text = o->text,
    };

    delivery_log_line(&line);
}

static struct bounce_append entry_of(const struct delivery *d, const struct delivery_recipient *who,
                                     const struct outcome *o, const char *action, struct str reason)
{
    return (struct bounce_append){
        .queue_id = d->request.queue_id,
        .recipient = who->address,
        .orig_rcpt = who->orig_addr,
        .dsn_orcpt = who->dsn_orcpt,
        .dsn_notify = who->dsn_notify,
        .offset = who->offset,
        .status = str_from(o->dsn),
        .action = str_from(action),
        .diag_type = o->diag_type,
        .diag_text = o->diag_text,
        .mta_type = o->mta_name.len ? STR("dns") : STR_NONE,
        .mta_name = o->mta_name,
        .reason = reason,
    };
}

static bool append(struct delivery *d, struct str service, const struct delivery_recipient *who,
                   const struct outcome *o, const char *action, struct str reason)
{
    struct bounce_append entry = entry_of(d, who, o, action, reason);

    return bounce_client_append(service, &entry);
}

/* Reports of success and of probes also say who answers. */
static bool append_trace(struct delivery *d, const struct delivery_recipient *who,
                         const struct outcome *o, const char *action)
{
    BUF_AUTO(reason, 0);

    if (!str_equal(d->relay, STR("none")))
        buf_join(&reason, STR("delivery via "), d->relay, STR(": "));
    buf_add(&reason, o->text);
    bool ok = append(d, site_conf.trace_service_name, who, o, action, buf_str(&reason));

    if (ok)
        d->reply.traced = 1;
    else
        log_warning(STR_FMT ": " STR_FMT " service failure", STR_ARG(d->request.queue_id),
                    STR_ARG(site_conf.trace_service_name));
    return ok;
}

static const char *action_of(const struct outcome *o)
{
    return o->action ? o->action : words[o->status].action;
}

/* Put the recipient on record as deferred; the queue manager keeps it even when that fails. */
static bool defer(struct delivery *d, const struct delivery_recipient *who, struct outcome *o,
                  const char *status)
{
    o->dsn[0] = '4';
    write_line(d, who, o, status);
    if (d->request.flags & DELIVERY_FLAG_RECORD)
        (void)append_trace(d, who, o, words[OUTCOME_DEFERRED].action);
    if (!append(d, site_conf.defer_service_name, who, o, words[OUTCOME_DEFERRED].action, o->text)) {
        d->reply.unrecorded = 1;
        log_warning(STR_FMT ": " STR_FMT " service failure", STR_ARG(d->request.queue_id),
                    STR_ARG(site_conf.defer_service_name));
    }
    fast_flush_note(&d->agent->fast_flush, d->request.queue_id, who->address);
    return false;
}

/* The owner of a list gets a report of its own at once; the sender's names for the recipient and the
 * message mean nothing to him. */
static bool tell_owner(struct delivery *d, const struct delivery_recipient *who,
                       const struct outcome *o, struct str owner)
{
    const struct delivery_request *r = &d->request;
    struct bounce_append entry = entry_of(d, who, o, action_of(o), o->text);
    struct bounce_report report = {
        .queue_name = r->queue_name,
        .queue_id = r->queue_id,
        .encoding = r->encoding,
        .sendopts = r->sendopts,
        .sender = r->sender,
        .arrival_sec = r->arrival_sec,
        .owner = owner,
    };

    entry.dsn_orcpt = STR_NONE;
    return bounce_client_one(site_conf.bounce_service_name, &report, &entry);
}

/* Also for NOTIFY=NEVER: bounce(8) knows who else wants to hear of it. */
static bool tell_sender(struct delivery *d, const struct delivery_recipient *who,
                        const struct outcome *o)
{
    bool ok = append(d, site_conf.bounce_service_name, who, o, action_of(o), o->text);

    if (ok)
        d->reply.bounced = 1;
    return ok;
}

static bool bounce(struct delivery *d, const struct delivery_recipient *who, struct outcome *o,
                   struct str owner)
{
    if (site_conf.soft_bounce)
        return defer(d, who, o, "SOFTBOUNCE");
    if (d->request.flags & DELIVERY_FLAG_RECORD)
        (void)append_trace(d, who, o, action_of(o));
    if (!(owner.len ? tell_owner(d, who, o, owner) : tell_sender(d, who, o))) {
        log_info(STR_FMT ": status=deferred (bounce failed)", STR_ARG(d->request.queue_id));
        return defer(d, who, o, words[OUTCOME_DEFERRED].status);
    }
    write_line(d, who, o, words[OUTCOME_BOUNCED].status);
    return true;
}

static bool sent(struct delivery *d, const struct delivery_recipient *who, const struct outcome *o)
{
    /* The mail is out: a lost success report does not make it undelivered. */
    if ((d->request.flags & (DELIVERY_FLAG_RECORD | DELIVERY_FLAG_RECORD_SENT)) ||
        (who->dsn_notify & DSN_NOTIFY_SUCCESS))
        (void)append_trace(d, who, o, action_of(o));
    write_line(d, who, o, words[OUTCOME_SENT].status);
    return true;
}

/* sendmail -bv: the answer goes to the sender in a report. */
static bool answer_user(struct delivery *d, const struct delivery_recipient *who,
                        const struct outcome *o)
{
    bool ok = append_trace(d, who, o, words[o->status].probe_action);

    write_line(d, who, o, words[o->status].probe_status);
    return ok;
}

static void tell_verify(const struct delivery *d, struct str address, const struct outcome *o)
{
    struct str service = d->agent->verify.service;

    if (!verify_client_update(service, address, words[o->status].verdict, o->text))
        log_warning(STR_FMT ": " STR_FMT " service failure", STR_ARG(d->request.queue_id),
                    STR_ARG(service));
}

/* Address verification: the answer goes to verify(8), for the address that was asked for and for what it has become.
 * If that fails the probe is lost, and verify sends another one. */
static bool answer_verify(struct delivery *d, const struct delivery_recipient *who,
                          const struct outcome *o)
{
    bool forgotten = o->status != OUTCOME_SENT && !d->agent->verify.keeps_failures;

    if (who->orig_addr.len && !str_equal(who->orig_addr, who->address))
        tell_verify(d, who->orig_addr, o);
    tell_verify(d, who->address, o);
    write_line(d, who, o,
               forgotten ? "undeliverable-but-not-cached" : words[o->status].probe_status);
    return true;
}

bool delivery_report_owned(struct delivery *d, const struct delivery_recipient *who,
                           const struct outcome *outcome, struct str owner)
{
    struct outcome o = *outcome;

    status_filter_apply(&d->agent->status_filter, &o, &d->arena);
    if (d->request.flags & DELIVERY_FLAG_PROBE_MTA)
        return answer_verify(d, who, &o);
    if (d->request.flags & DELIVERY_FLAG_PROBE_USER)
        return answer_user(d, who, &o);
    switch (o.status) {
    case OUTCOME_SENT:
        return sent(d, who, &o);
    case OUTCOME_BOUNCED:
        return bounce(d, who, &o, owner);
    case OUTCOME_DEFERRED:
        break;
    }
    return defer(d, who, &o, words[OUTCOME_DEFERRED].status);
}

bool delivery_report(struct delivery *d, const struct delivery_recipient *who,
                     const struct outcome *outcome)
{
    return delivery_report_owned(d, who, outcome, STR_NONE);
}

void delivery_trace(struct delivery *d, const struct delivery_recipient *who,
                    const struct outcome *outcome)
{
    (void)append_trace(d, who, outcome, action_of(outcome));
}

void delivery_settle(struct delivery *d, struct delivery_rcpt *rcpt, bool done)
{
    rcpt->finished = true;
    if (!done) {
        d->reply.result = DELIVERY_DEFERRED;
        return;
    }
    if ((d->request.flags & DELIVERY_FLAG_SUCCESS) && rcpt->info.offset > 0 &&
        !queue_file_mark(d->file_fd, rcpt->info.offset, REC_RCPT, REC_DONE))
        log_warning(STR_FMT ": cannot mark recipient <" STR_FMT "> at offset %lld as done: %s",
                    STR_ARG(d->request.queue_id), STR_ARG(rcpt->info.address),
                    (long long)rcpt->info.offset,
                    errno == EBADMSG ? "no recipient stands there" : strerror(errno));
}

void delivery_finish(struct delivery *d, struct delivery_rcpt *rcpt, const struct outcome *outcome)
{
    delivery_settle(d, rcpt, delivery_report(d, &rcpt->info, outcome));
}

void delivery_finish_rest(struct delivery *d, const struct outcome *outcome)
{
    for (size_t i = 0; i < d->count; i++)
        if (!d->recipients[i].finished)
            delivery_finish(d, &d->recipients[i], outcome);
}
