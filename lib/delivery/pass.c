#include "delivery/pass.h"

#include "base/log.h"
#include "os/cargo.h"

#include <fcntl.h>

static bool send_request(struct channel *c, const struct delivery_request *r,
                         const struct delivery_recipient *who)
{
    struct buf *body = channel_begin(c, DELIVERY_REQUEST_FRAME);

    delivery_request_encode(body, r);
    delivery_recipient_encode(body, who);
    return channel_end(c) && channel_flush(c);
}

/* The agent works with our description of the queue file, and so under our lock. */
static bool lend_queue_file(struct channel *c, struct cargo *cargo, int file_fd)
{
    cargo_attach(&c->link.stream, cargo);
    cargo->out = fcntl(file_fd, F_DUPFD_CLOEXEC, 0);
    return cargo->out >= 0;
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
    struct channel c = CHANNEL_NONE;
    struct cargo cargo = CARGO_NONE;

    log_info(STR_FMT ": passing <" STR_FMT "> to transport=" STR_FMT, STR_ARG(request.queue_id),
             STR_ARG(who->address), STR_ARG(transport));
    request.flags &= ~DELIVERY_FLAG_SUCCESS; /* we mark the recipient ourselves */
    request.sender = sender;
    if (nexthop.len)
        request.nexthop = nexthop;
    *failed = !channel_open(&c, "private", transport, site_conf.daemon_timeout) ||
              !lend_queue_file(&c, &cargo, d->file_fd) || !send_request(&c, &request, who) ||
              !receive_reply(&c, &reply);
    if (*failed) {
        log_warning("cannot pass a delivery request to private/" STR_FMT ": %m",
                    STR_ARG(transport));
        outcome_make(o, &d->arena, OUTCOME_DEFERRED, "4.3.0", "mail transport unavailable");
    } else {
        d->reply.bounced |= reply.bounced;
        d->reply.traced |= reply.traced;
        d->reply.unrecorded |= reply.unrecorded;
    }
    channel_close(&c);
    return !*failed && reply.result == DELIVERY_DONE;
}
