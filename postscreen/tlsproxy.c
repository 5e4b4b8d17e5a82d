/* tlsproxy - TLS for clients that postscreen(8) speaks with.
 *
 * Runs as:   a user of its own, inside the queue directory when master.cf says chroot
 * Trusts:    main.cf and the files that it names; postscreen
 * Distrusts: every byte from the client
 *
 * Any number of clients at a time, in one epoll loop; private keys are tlsmgr's, as they are for smtpd. */
#include "base/log.h"
#include "client/tlsmgr.h"
#include "os/watch.h"
#include "postscreen/relay.h"
#include "service/service.h"
#include "table/table.h"

static struct relay_rules rules;
static struct watch files = WATCH_NONE; /* those that the engines are made of */

static void open_engines(struct service *svc)
{
    static struct doors doors;

    doors = doors_open(service_conf(svc), &files);
    rules.doors = &doors;
    tlsmgr_close_key_files();
}

static void start(struct service *svc) { rules.loop = service_loop(svc); }

static void serve_postscreen(struct service *svc, int fd)
{
    BUF_AUTO(table, 256);
    struct str file = watch_changed(&files);

    if (tables_have_changed(&table))
        service_restart_for(svc, buf_cstr(&table));
    else if (file.len)
        log_info("file " STR_FMT " has changed -- restarting", STR_ARG(file));
    if (file.len || tlsmgr_has_lost_keys())
        service_replace(svc); /* by one that has the new ones; this client still is ours */
    relay_start(&rules, fd);
}

static bool nobody_is_served(struct service *svc)
{
    (void)svc;
    return rules.relays == 0;
}

static const struct service_spec spec = {
    .name = "tlsproxy",
    .kind = SERVICE_MULTI,
    .params = (const struct param_set *const[]){ &postscreen_param_set, &smtpd_param_set,
                                                 &tls_param_set, &tlsproxy_param_set, NULL },
    .sandbox = SANDBOX_SERVICE,
    .process_limit = 0,
    .no_max_use = true,
    .drains = true,
    .patience = &tlsproxy_conf.tlsproxy_watchdog_timeout,
    .before_jail = open_engines,
    .after_jail = start,
    .serve = serve_postscreen,
    .may_leave = nobody_is_served,
};

int main(int argc, char **argv) { service_main(&spec, argc, argv); }
