/* error - the agent that answers for addresses and destinations without delivering anything: as
 * service `error` it bounces all recipients with the next-hop text as the reason, as service
 * `retry` it defers them.
 *
 * Runs as:   mail_owner, inside the queue directory when master.cf says chroot
 * Trusts:    main.cf
 * Distrusts: the message, which it does not read */
#include "delivery/delivery.h"

static struct agent agent;

static const struct verdict {
    const char *service;
    enum outcome_status status;
    const char *dsn;
} verdicts[] = {
    { "retry", OUTCOME_DEFERRED, "4.0.0" },
    { "error", OUTCOME_BOUNCED, "5.0.0" }, /* and any other name */
};

static const struct verdict *verdict_of(struct service *svc)
{
    return &verdicts[str_equal(service_name(svc), str_from(verdicts[0].service)) ? 0 : 1];
}

static void deliver(struct delivery *d)
{
    const struct verdict *v = verdict_of(d->svc);
    struct outcome o;

    outcome_from_text(&o, &d->arena, v->status, v->dsn, d->request.nexthop);
    o.dsn[0] = v->dsn[0]; /* the class follows from what happens */
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

static const struct service_spec error_service = {
    .name = "error",
    .kind = SERVICE_SINGLE,
    .sandbox = SANDBOX_SERVICE,
    .process_limit = -1,
    .before_fork = open_tables,
    .serve = serve,
};

int main(int argc, char **argv) { service_main(&error_service, argc, argv); }
