#include "delivery/pass.h"

#include "base/log.h"
#include "os/socket.h"

#define PATH_CEILING 256

static bool send_request(struct channel *c, const struct delivery_request *r,
                         const struct delivery_recipient *who)
{
    struct buf *body = channel_begin(c, DELIVERY_REQUEST_FRAME);

    delivery_request_encode(body, r);
    delivery_recipient_encode(body, who);
    return channel_end(c) && channel_flush(c);
}

static bool receive_reply(struct channel *c, struct delivery_reply *reply)
{
    struct str body;
    char kind;

    return channel_receive(c, &kind, &body) == IO_OK && kind == DELIVERY_REPLY_FRAME &&
           delivery_reply_decode(&body, reply);
}

bool delivery_pass(struct delivery *d, const struct delivery_recipient *who, struct str sender,
                   struct str destination, struct outcome *o, bool *failed)
{
    struct delivery_request request = d->request;
    struct delivery_reply reply = { .result = DELIVERY_DEFERRED };
    struct str nexthop = destination;
    struct str transport = str_cut(&nexthop, ':');
    struct channel c = { .link.fd = -1 };
    BUF_AUTO(path, PATH_CEILING);

    log_info(STR_FMT ": passing <" STR_FMT "> to transport=" STR_FMT, STR_ARG(request.queue_id),
             STR_ARG(who->address), STR_ARG(transport));
    request.flags &= ~DELIVERY_FLAG_SUCCESS; /* we mark the recipient ourselves */
    request.sender = sender;
    if (nexthop.len)
        request.nexthop = nexthop;
    buf_join(&path, STR("private/"), transport);
    int fd = socket_unix_connect(buf_cstr(&path));
    if (fd >= 0)
        channel_init(&c, fd, site_conf.daemon_timeout);
    *failed = fd < 0 || !send_request(&c, &request, who) || !receive_reply(&c, &reply);
    if (*failed) {
        log_warning("cannot pass a delivery request to %s: %m", buf_cstr(&path));
        outcome_make(o, &d->arena, OUTCOME_DEFERRED, "4.3.0", "mail transport unavailable");
    } else {
        d->reply.bounced |= reply.bounced;
        d->reply.traced |= reply.traced;
    }
    channel_close(&c);
    return !*failed && reply.result == DELIVERY_DONE;
}
