/* postscreen - keep those that only want to send spam away from smtpd(8): one process looks at all clients that come, and lets
 * those through that behave.
 *
 * Runs as:   a user of its own, inside the queue directory when master.cf says chroot
 * Trusts:    main.cf and its tables
 * Distrusts: every byte from the client, what DNS lists say
 *
 * A client that nobody knows waits for its greeting (early), then goes to smtpd (handover) or has to show in a dialogue of ours
 * how it behaves (talk); what it has passed is kept (cache). */
#include "base/log.h"
#include "postscreen/begin.h"
#include "postscreen/cache.h"
#include "postscreen/setup.h"

#define LOOK_AT_TABLES_MS 1000

static struct screen *screen;

static void open_tables(struct service *svc) { screen = setup_open(svc); }

static void start(struct service *svc)
{
    screen->loop = service_loop(svc);
    cache_start_cleaning(screen->cache, screen->loop, screen->enabled);
}

/* With so many clients there is no moment between two of them; a successor takes those that come from now on. */
static void notice_changes(void)
{
    BUF_AUTO(name, 256);
    int64_t now = clock_now_ms();

    if (now - screen->tables_checked_ms < LOOK_AT_TABLES_MS)
        return;
    screen->tables_checked_ms = now;
    if (!tables_have_changed(&name))
        return;
    log_info("table " STR_FMT " has changed - finishing in the background",
             STR_ARG(buf_str(&name)));
    service_replace(screen->svc);
}

static void serve_client(struct service *svc, int fd)
{
    (void)svc;
    notice_changes();
    begin(screen, fd);
}

/* The successor needs the cache; who is here can do without. */
static bool nobody_is_here(struct service *svc)
{
    (void)svc;
    cache_close(screen->cache);
    screen->cache = NULL;
    return screen->clients == 0;
}

static const struct service_spec spec = {
    .name = "postscreen",
    .kind = SERVICE_MULTI,
    .params = (const struct param_set *const[]){ &postscreen_param_set, &smtpd_param_set,
                                                 &table_param_set, &tls_param_set,
                                                 &tlsproxy_param_set, NULL },
    .sandbox = SANDBOX_SERVICE,
    .process_limit = 1,
    .no_max_use = true,
    .drains = true,
    .clients_block = true,
    .patience = &postscreen_conf.postscreen_watchdog_timeout,
    .before_jail = open_tables,
    .after_jail = start,
    .serve = serve_client,
    .may_leave = nobody_is_here,
};

int main(int argc, char **argv) { service_main(&spec, argc, argv); }
