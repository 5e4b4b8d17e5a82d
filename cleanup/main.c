/* cleanup - every message enters the queue here.
 *
 * Runs as:   mail_owner, inside the queue directory when master.cf says chroot
 * Trusts:    main.cf and its tables
 * Distrusts: the records of its submitters, and the message in them */
#include "cleanup/session.h"
#include "delivery/delivery.h"

static struct cleanup cleanup;

static void open_tables(struct service *svc)
{
    delivery_log_open(service_conf(svc));
    cleanup_setup(&cleanup, service_conf(svc));
    cleanup.svc = svc;
    cleanup.writer.spares = service_spares(svc);
}

static void serve(struct service *svc, int fd)
{
    (void)svc;
    session_serve(&cleanup, fd);
}

static const struct sandbox_path paths[] = {
    { QUEUE_INCOMING, SANDBOX_CHANGE }, { QUEUE_SPARE, SANDBOX_CHANGE },
    { QUEUE_HOLD, SANDBOX_CHANGE },     { QUEUE_TRACE, SANDBOX_CHANGE },
    { "public", SANDBOX_WRITE },        { NULL, SANDBOX_READ },
};

static const struct service_spec spec = {
    .name = "cleanup",
    .kind = SERVICE_SINGLE,
    .params = (const struct param_set *const[]){ &cleanup_param_set, &tls_param_set,
                                                 &verify_param_set, &milter_param_set, NULL },
    .sandbox = SANDBOX_QUEUE,
    .paths = paths,
    .process_limit = -1,
    .before_fork = open_tables,
    .serve = serve,
};

int main(int argc, char **argv) { service_main(&spec, argc, argv); }
