/* pickup - take messages of this host, from the maildrop queue and from users who call, to cleanup(8).
 *
 * Runs as:   mail_owner, inside the queue directory when master.cf says chroot
 * Trusts:    main.cf
 * Distrusts: every file in maildrop: any local user can put one there through postdrop(1); every caller */
#include "pickup/callers.h"
#include "pickup/forward.h"
#include "pickup/maildrop.h"
#include "queue/dir.h"
#include "service/service.h"

static void begin(struct service *svc) { callers_begin(service_conf(svc), service_loop(svc)); }

/* Whatever the request says, it means: look. */
static void look(struct service *svc, struct str request)
{
    (void)svc;
    (void)request;
    maildrop_empty();
    drop_forward_rest();
}

static void serve(struct service *svc, int fd)
{
    (void)svc;
    callers_take(fd);
}

static const struct service_spec pickup = {
    .name = "pickup",
    .kind = SERVICE_MULTI,
    .params = (const struct param_set *const[]){ &qmgr_param_set, NULL },
    .sandbox = SANDBOX_QUEUE,
    .paths = (const struct sandbox_path[]){ { QUEUE_MAILDROP, SANDBOX_CHANGE },
                                            { QUEUE_CORRUPT, SANDBOX_CHANGE },
                                            { QUEUE_BOUNCE, SANDBOX_CHANGE },
                                            { "public", SANDBOX_WRITE },
                                            { NULL, SANDBOX_READ } },
    .process_limit = 1,
    .after_jail = begin,
    .serve = serve,
    .trigger = look,
};

int main(int argc, char **argv) { service_main(&pickup, argc, argv); }
