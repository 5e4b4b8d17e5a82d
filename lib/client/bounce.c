#include "client/bounce.h"

#include "conf/params.h"
#include "os/socket.h"

#define SERVICE_PATH_MAX 256

/* One request on a connection of its own: failures are rare, and a kept connection would occupy a
 * process of the service for each of its clients. */
static bool ask(struct str service, char kind, struct str body)
{
    BUF_AUTO(path, SERVICE_PATH_MAX);
    struct bounce_reply verdict;
    struct channel c;
    struct str reply;
    char reply_kind;

    buf_join(&path, STR("private/"), service);
    int fd = path.full ? -1 : socket_unix_connect(buf_cstr(&path));
    if (fd < 0)
        return false;
    channel_init(&c, fd, MAX(site_conf.ipc_timeout, 1));
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
