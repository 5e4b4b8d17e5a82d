/* Mail that was submitted on this host and is refused here: nobody listens for a reply, so its
 * sender gets a report.  The report reads the unfinished queue file, which is removed
 * afterwards. */
#include "client/bounce.h"

#include "base/log.h"
#include "cleanup/message.h"
#include "delivery/delivery.h"
#include "text/dsn.h"

static const struct {
    struct str dsn, text;
} refusals[] = {
    [CLEANUP_SIZE] = { STR("5.3.4"), STR("message file too big") },
    [CLEANUP_CONTENT] = { STR("5.7.1"), STR("message content rejected") },
    [CLEANUP_HOPS] = { STR("5.4.0"), STR("too many hops") },
    [CLEANUP_NO_RCPT] = { STR("5.1.0"), STR("no recipients specified") },
};

static struct dsn_split refusal(const struct message *m)
{
    struct dsn_split split = { refusals[m->status].dsn, refusals[m->status].text };

    if (m->reason.len)
        split = dsn_status_split(m->reason, split.status);
    return split;
}

static void log_recipient(const struct message *m, const struct stored_recipient *r,
                          const struct dsn_split *why)
{
    struct timeval now = clock_wall();
    BUF_AUTO(dsn, 32);
    struct delivery_log line = {
        .queue_id = message_id(m),
        .recipient = r->address,
        .orig_rcpt = r->orig,
        .relay = STR("none"),
        .arrival = m->env.arrival,
        .active = now,
        .start = now,
        .conn_done = now,
        .now = now,
        .status = "bounced",
        .text = why->text,
    };

    buf_add(&dsn, why->status);
    line.dsn = buf_cstr(&dsn);
    delivery_log_line(&line);
}

static bool wants_report(const struct stored_recipient *r)
{
    return r->notify == 0 || (r->notify & DSN_NOTIFY_FAILURE);
}

static bool append(const struct message *m, const struct stored_recipient *r,
                   const struct dsn_split *why)
{
    BUF_AUTO(status, 32);

    buf_join(&status, STR("5"), str_skip(why->status, 1)); /* final, whatever the table said */
    const struct bounce_append entry = {
        .queue_id = str_from(message_id(m)),
        .recipient = r->address,
        .orig_rcpt = r->orig,
        .dsn_orcpt = r->dsn_orcpt,
        .dsn_notify = r->notify,
        .offset = r->offset,
        .status = buf_str(&status),
        .action = STR("failed"),
        .reason = why->text,
    };
    return bounce_client_append(site_conf.bounce_service_name, &entry);
}

struct bounce_report bounce_report_of(const struct message *m)
{
    return (struct bounce_report){
        .queue_name = STR(QUEUE_INCOMING),
        .queue_id = str_from(message_id(m)),
        .encoding = m->env.encoding,
        .sendopts = m->sendopts,
        .sender = m->env.sender,
        .dsn_envid = m->env.envelope_id,
        .dsn_ret = m->env.ret_flags,
        .arrival_sec = m->env.arrival.tv_sec,
    };
}

static bool report(const struct message *m)
{
    struct bounce_report request = bounce_report_of(m);
    char kind = (char)(m->env.verp.len ? BOUNCE_VERP : BOUNCE_FLUSH);

    /* What was refused for its content goes no further, not even to its sender. */
    if (m->status == CLEANUP_CONTENT)
        request.dsn_ret = DSN_RET_HDRS;
    request.verp_delims = m->env.verp;
    return bounce_client_report(site_conf.bounce_service_name, kind, &request);
}

bool bounce_message(struct message *m)
{
    const struct stored_recipient unknown = { .address = STR("unknown") };
    const struct stored_recipient *all = m->stored_count ? m->stored : &unknown;
    size_t count = m->stored_count ? m->stored_count : 1;
    struct dsn_split why = refusal(m);
    bool any = false;

    for (size_t i = 0; i < count; i++) {
        if (all[i].deleted)
            continue;
        if (wants_report(&all[i])) {
            if (!append(m, &all[i], &why))
                return false;
            any = true;
        }
        log_recipient(m, &all[i], &why);
    }
    return !any || report(m);
}
