#include "client/bounce.h"

#include "conf/params.h"

/* One request on a connection of its own: failures are rare, and a kept connection would occupy a
 * process of the service for each of its clients. */
static bool ask(struct str service, char kind, struct str body)
{
    struct bounce_reply verdict;
    struct channel c;
    struct str reply;
    char reply_kind;

    if (!channel_open(&c, "private", service, MAX(site_conf.ipc_timeout, 1)))
        return false;
    bool ok = channel_send(&c, kind, body) && channel_flush(&c) &&
              channel_receive(&c, &reply_kind, &reply) == IO_OK && reply_kind == BOUNCE_REPLY &&
              bounce_reply_decode(&reply, &verdict) && verdict.status == 0;
    channel_close(&c);
    return ok;
}

bool bounce_client_append(struct str service, const struct bounce_append *entry)
{
    BUF_AUTO(body, CHANNEL_FRAME_MAX - 1);

    bounce_append_encode(&body, entry);
    return !body.full && ask(service, BOUNCE_APPEND, buf_str(&body));
}

bool bounce_client_report(struct str service, char kind, const struct bounce_report *report)
{
    BUF_AUTO(body, CHANNEL_FRAME_MAX - 1);

    bounce_report_encode(&body, report);
    return !body.full && ask(service, kind, buf_str(&body));
}

bool bounce_client_one(struct str service, const struct bounce_report *report,
                       const struct bounce_append *entry)
{
    BUF_AUTO(body, CHANNEL_FRAME_MAX - 1);

    bounce_report_encode(&body, report);
    bounce_append_encode(&body, entry);
    return !body.full && ask(service, BOUNCE_ONE, buf_str(&body));
}
