/* scache - the connection cache that master.cf names.
 *
 * Open sessions stay with the smtp process that made them; it tells qmgr, which gives it the next message
 * for that destination (qmgr/deliver.c).  So nobody of ours connects here.  The service exists because
 * the stock master.cf names it, and a client that does come is told at once that nothing is kept: its
 * connection is closed.
 *
 * Runs as:   mail_owner, inside the queue directory when master.cf says chroot
 * Trusts:    main.cf
 * Distrusts: its clients, of whom it reads nothing */
#include "service/service.h"

#include <unistd.h>

static void serve_client(struct service *svc, int fd)
{
    (void)svc;
    close(fd);
}

static const struct service_spec spec = {
    .name = "scache",
    .kind = SERVICE_MULTI,
    .params = (const struct param_set *const[]){ NULL },
    .sandbox = SANDBOX_SERVICE,
    .paths = (const struct sandbox_path[]){ { NULL, false } },
    .process_limit = 1,
    .serve = serve_client,
};

int main(int argc, char **argv) { service_main(&spec, argc, argv); }
