/* discard - the agent that pretends to deliver: all recipients are sent, with the next-hop text as
 * the reason.
 *
 * Runs as:   mail_owner, inside the queue directory when master.cf says chroot
 * Trusts:    main.cf
 * Distrusts: the message, which it does not read */
#include "delivery/delivery.h"

static struct agent agent;

static void deliver(struct delivery *d)
{
    struct outcome o;

    outcome_from_text(&o, &d->arena, OUTCOME_SENT, "2.0.0", d->request.nexthop);
    o.dsn[0] = '2';
    delivery_finish_rest(d, &o);
}

static void open_tables(struct service *svc)
{
    delivery_open(&agent, svc, site_conf.default_delivery_status_filter,
                  "default_delivery_status_filter");
}

static void serve(struct service *svc, int fd)
{
    delivery_serve(&agent, svc, fd, site_conf.ipc_idle, deliver, NULL);
}

static const struct service_spec discard = {
    .name = "discard",
    .kind = SERVICE_SINGLE,
    .sandbox = SANDBOX_SERVICE,
    .process_limit = -1,
    .before_fork = open_tables,
    .serve = serve,
};

int main(int argc, char **argv) { service_main(&discard, argc, argv); }
