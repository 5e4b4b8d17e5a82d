/* Addresses that are not delivered here leave in a new message: "forwarded as ID". */
#include "base/log.h"
#include "local/ends.h"
#include "text/date.h"
#include "text/dsn.h"

#include <time.h>

#define LONG_ADDRESS_SHOWN 100 /* bytes of one that no record holds */

/* One new message: the addresses that share a sender. */
struct resend {
    struct resend *next;
    struct branch from; /* whose sender and delivery options it has */
    struct str *addresses;
    size_t count, room;
};

/* What send_one() reads of a branch; the branch is gone by then. */
static struct branch keep_branch(const struct branch *b)
{
    struct arena *arena = &b->attempt->d->arena;
    struct branch kept = { .attempt = b->attempt, .who = b->who, .new_owner = b->new_owner };

    kept.sender = arena_str(arena, b->sender);
    kept.delivered_to = arena_str(arena, b->delivered_to);
    kept.who.address = arena_str(arena, b->who.address);
    kept.who.orig_addr = arena_str(arena, b->who.orig_addr);
    kept.who.dsn_orcpt = arena_str(arena, b->who.dsn_orcpt);
    return kept;
}

static struct resend *find_or_add(const struct branch *b)
{
    struct attempt *a = b->attempt;
    struct resend *r = a->resends;

    while (r && !(str_equal(r->from.sender, b->sender) && r->from.new_owner == b->new_owner))
        r = r->next;
    if (r == NULL) {
        r = arena_alloc(&a->d->arena, sizeof *r);
        r->from = keep_branch(b);
        r->next = a->resends;
        a->resends = r;
    }
    return r;
}

/* sendmail -bv: each address is an answer of its own. */
static bool report_target(const struct branch *b, struct str address)
{
    struct branch target = *b;

    target.who.address = address;
    return branch_sent(&target, "forwards to " STR_FMT, STR_ARG(address));
}

bool resend_add(const struct branch *b, struct str address)
{
    struct arena *arena = &b->attempt->d->arena;
    BUF_AUTO(key, 0);

    if (address.len + b->only_mailbox > RECORD_FACT_MAX) /* the others of a list are not to blame */
        return branch_bounce(b, "5.1.3", "address is too long: " STR_FMT "...",
                             STR_ARG(str_sub(address, 0, LONG_ADDRESS_SHOWN)));
    buf_join(&key, b->sender, STR(" "), b->only_mailbox ? STR("\\") : STR(""), address);
    if (!branch_is_first(b, "resend", buf_str(&key)))
        return true;
    if (delivery_is_probe(b->attempt->d))
        return report_target(b, address);
    struct resend *r = find_or_add(b);
    if (r->count == r->room) {
        struct str *old = r->addresses;
        r->room = r->room ? r->room * 2 : 8;
        r->addresses = arena_alloc(arena, r->room * sizeof *old);
        if (r->count)
            memcpy(r->addresses, old, r->count * sizeof *old);
    }
    /* The next delivery must not look at aliases and .forward either. */
    r->addresses[r->count++] = arena_str(arena, str_skip(buf_str(&key), b->sender.len + 1));
    return true;
}

static void put_attr(struct buf *out, const char *name, struct str value)
{
    if (value.len)
        record_put_attr(out, name, value);
}

static void put_client(struct buf *out, const struct delivery_request *q)
{
    const struct {
        const char *name;
        struct str value;
    } attrs[] = {
        { "encoding", q->encoding },
        { "log_client_name", q->log_client_name },
        { "log_client_address", q->log_client_addr },
        { "log_client_port", q->log_client_port },
        { "log_helo_name", q->log_client_helo },
        { "log_protocol_name", q->log_client_proto },
        { "client_name", q->client_name },
        { "client_address", q->client_addr },
        { "client_port", q->client_port },
        { "helo_name", q->client_helo },
        { "protocol_name", q->client_proto },
        { "sasl_method", q->sasl_method },
        { "sasl_username", q->sasl_username },
        { "sasl_sender", q->sasl_sender },
        { "log_ident", q->log_ident },
    };

    for (size_t i = 0; i < ARRAY_LEN(attrs); i++)
        put_attr(out, attrs[i].name, attrs[i].value);
}

static void put_envelope(struct buf *out, const struct resend *r)
{
    const struct delivery_request *q = &r->from.attempt->d->request;

    record_put_time(out, (struct timeval){ .tv_sec = (time_t)q->arrival_sec,
                                           .tv_usec = (suseconds_t)q->arrival_usec });
    put_attr(out, "rewrite_context", q->rewrite_context);
    put_attr(out, "envelope_id", q->dsn_envid);
    if (q->dsn_ret)
        record_put_attr_int(out, "ret_flags", q->dsn_ret);
    record_put(out, REC_SENDER, r->from.sender);
    put_client(out, q);
}

static void put_recipients(struct buf *out, const struct resend *r)
{
    const struct delivery_recipient *who = &r->from.who;

    for (size_t i = 0; i < r->count; i++) {
        if (who->dsn_notify)
            record_put_attr_int(out, "notify_flags", who->dsn_notify);
        if (!r->from.new_owner) { /* a list's members are recipients of their own */
            put_attr(out, "dsn_orig_rcpt", who->dsn_orcpt);
            record_put(out, REC_ORCPT, who->orig_addr.len ? who->orig_addr : who->address);
        } else if (str_starts(r->addresses[i], STR("\\"))) { /* which is no part of the name */
            record_put(out, REC_ORCPT, str_skip(r->addresses[i], 1));
        }
        record_put(out, REC_RCPT, r->addresses[i]);
    }
    record_put(out, REC_MESSAGE, STR_NONE);
}

static void put_line(struct buf *out, struct buf *line)
{
    record_put(out, REC_TEXT, buf_str(line));
    buf_clear(line);
}

static void put_trace_headers(struct buf *out, const struct resend *r)
{
    time_t now = clock_wall().tv_sec;
    BUF_AUTO(line, 8192);
    struct tm local;

    localtime_r(&now, &local);
    buf_join(&line, STR("Received: by "), site_conf.myhostname, STR(" ("), site_conf.mail_name,
             STR(")"));
    put_line(out, &line);
    buf_join(&line, STR("\tid "), queue_id_str(&r->from.attempt->links->cleanup.id), STR("; "));
    date_format(&local, local.tm_gmtoff, str_from_null(local.tm_zone), &line);
    put_line(out, &line);
    if (str_has_word(local_conf.prepend_delivered_header, STR("forward"))) {
        buf_add(&line, STR("Delivered-To: "));
        address_quote(r->from.delivered_to, &line);
        put_line(out, &line);
    }
}

/* The content as it is, up to its end.  False: the queue file is damaged. */
static bool copy_content(struct cleanup_client *cleanup, struct delivery *d)
{
    struct queue_file *f = delivery_content(d);
    struct record rec;

    for (;;) {
        if (queue_file_read(f, &rec) != QUEUE_READ_RECORD)
            return false;
        if (rec.type == REC_EXTRACTED)
            return true;
        if (rec.type != REC_TEXT && rec.type != REC_TEXT_PART)
            return false;
        record_put(cleanup_client_records(cleanup), rec.type, rec.payload);
        cleanup_client_pump(cleanup);
    }
}

static bool report_verdict(const struct branch *top, const char *id,
                           const struct cleanup_verdict *verdict)
{
    switch (verdict->status) {
    case CLEANUP_OK:
        return branch_sent(top, "forwarded as %s", id);
    case CLEANUP_HOPS:
        return branch_bounce(top, "5.4.6", "mail forwarding loop for " STR_FMT,
                             STR_ARG(top->who.address));
    case CLEANUP_CONTENT:
        return branch_bounce(top, "5.7.1", "%s: " STR_FMT, "unable to forward message",
                             STR_ARG(verdict->reason));
    case CLEANUP_SIZE:
        return branch_bounce(top, "5.3.4", "unable to forward message: message file too big");
    default:
        return branch_defer(top, "4.3.0", "unable to forward message");
    }
}

static bool send_one(const struct resend *r)
{
    struct attempt *a = r->from.attempt;
    struct cleanup_client *cleanup = &a->links->cleanup;
    struct branch top = { .attempt = a, .who = a->rcpt->info, .sender = a->d->request.sender };

    /* The new message carries the wish for a success report, or the alias has fulfilled it. */
    top.who.dsn_notify &= ~DSN_NOTIFY_SUCCESS;
    if (!cleanup_client_open(cleanup, site_conf.cleanup_service_name,
                             CLEANUP_FLAG_MAP_OK | cleanup_utf8_flag(STR("forward")),
                             a->d->request.sendopts, site_conf.ipc_timeout))
        return branch_defer(&top, "4.3.0", "unable to forward message");
    struct queue_id id = cleanup->id;
    put_envelope(cleanup_client_records(cleanup), r);
    put_recipients(cleanup_client_records(cleanup), r);
    put_trace_headers(cleanup_client_records(cleanup), r);
    if (!copy_content(cleanup, a->d)) {
        cleanup_client_abort(cleanup);
        return branch_defer(&top, "4.3.0", "unable to forward message");
    }
    record_put(cleanup_client_records(cleanup), REC_EXTRACTED, STR_NONE);
    record_put(cleanup_client_records(cleanup), REC_END, STR_NONE);
    struct cleanup_verdict verdict = cleanup_client_end(cleanup);
    return report_verdict(&top, id.text, &verdict);
}

bool resend_finish(struct attempt *a)
{
    bool done = true;

    for (struct resend *r = a->resends; r; r = r->next)
        if (!send_one(r))
            done = false;
    return done;
}
