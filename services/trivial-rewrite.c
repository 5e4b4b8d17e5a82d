/* trivial-rewrite - address rewriting and resolving as a service, for whoever cannot use lib/rewrite itself.
 *
 * Runs as:   mail_owner, inside the queue directory when master.cf says chroot
 * Trusts:    main.cf and its tables
 * Distrusts: the addresses it is asked about */
#include "ipc/channel.h"
#include "ipc/messages/rewrite.h"
#include "rewrite/rewrite.h"
#include "service/service.h"

static struct rewriter *rewriter;

static void open_tables(struct service *svc)
{
    rewriter = rewrite_open(service_conf(svc), service_name(svc));
}

static bool answer_rewrite(struct channel *c, struct str body, struct arena *a)
{
    struct rewrite_request request;

    if (!rewrite_request_decode(&body, &request))
        return false;
    enum rewrite_context context =
        str_equal(request.context, STR("remote")) ? REWRITE_REMOTE : REWRITE_LOCAL;
    struct rewrite_reply reply = { .address =
                                       rewrite_address(rewriter, context, request.address, a) };
    rewrite_reply_encode(channel_begin(c, 'w'), &reply);
    return channel_end(c);
}

static bool answer_resolve(struct channel *c, struct str body, struct arena *a)
{
    struct resolve_request request;

    if (!resolve_request_decode(&body, &request))
        return false;
    struct resolution res = rewrite_resolve(rewriter, request.sender, request.address, a);
    struct resolve_reply reply = { .status = res.flags & RESOLVE_FAIL ? 1 : 0,
                                   .transport = res.transport,
                                   .nexthop = res.nexthop,
                                   .recipient = res.recipient,
                                   .flags = (int)res.flags };
    resolve_reply_encode(channel_begin(c, 'r'), &reply);
    return channel_end(c);
}

static void serve_client(struct service *svc, int fd)
{
    struct channel c;
    struct str body;
    char kind;
    bool going = true;

    channel_init(&c, fd, site_conf.ipc_idle);
    while (going && !service_should_leave(svc) && channel_receive(&c, &kind, &body) == IO_OK) {
        ARENA_AUTO(arena);
        if (kind == 'W')
            going = answer_rewrite(&c, body, &arena);
        else if (kind == 'R')
            going = answer_resolve(&c, body, &arena);
        else
            going = false;
        going = going && channel_flush(&c);
    }
    channel_release(&c); /* the skeleton closes it */
}

static const struct service_spec trivial_rewrite = {
    .name = "trivial-rewrite",
    .kind = SERVICE_SINGLE,
    .params = (const struct param_set *const[]){ &rewrite_param_set, NULL },
    .sandbox = SANDBOX_SERVICE,
    .process_limit = -1,
    .before_jail = open_tables,
    .serve = serve_client,
};

int main(int argc, char **argv) { service_main(&trivial_rewrite, argc, argv); }
