#include "service/service.h"

#include "base/log.h"
#include "ipc/connector.h"
#include "os/door.h"
#include "os/socket.h"
#include "service/crowd.h"
#include "service/private.h"
#include "table/tablemgr.h"

#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define CROWD_SEATS 1000 /* more than these are not counted */

/* Complaints before main.cf is read need a place too. */
static void open_early_logger(const struct service *svc)
{
    struct logger_options log = {
        .tag = "postfix", .hostname = "localhost", .file_fd = -1, .facility = "mail"
    };

    log.program = svc->options.program;
    log.to_stderr = svc->options.standalone || svc->options.to_stderr;
    if (svc->place.board)
        log.file_fd = SERVICE_FD_LOG;
    logger_init(&log);
}

void service_require_single(const struct service *svc)
{
    if (svc->place.board && !svc->options.single)
        log_fatal("service %s requires a process limit of 1", svc->options.name);
}

static void check_process_limit(const struct service *svc)
{
    const struct service_options *o = &svc->options;

    if (svc->spec->process_limit == 1)
        service_require_single(svc);
    if (svc->place.board == NULL)
        return;
    if (svc->spec->process_limit == 0 && !o->unlimited)
        log_fatal("service %s requires a process limit of 0", o->name);
}

static void find_descriptors(struct service *svc)
{
    svc->lock_fd = svc->jail_paths = -1;
    svc->generation_fd = svc->place.board ? SERVICE_FD_GENERATION : -1;
    svc->door_fd = svc->template_fd = -1;
    if (svc->place.board && fcntl(SERVICE_FD_TEMPLATE, F_GETFD) >= 0)
        svc->template_fd = SERVICE_FD_TEMPLATE;
    if (svc->place.board && fcntl(SERVICE_FD_DOOR, F_GETFD) >= 0)
        svc->door_fd = SERVICE_FD_DOOR;
    svc->is_private = svc->door_fd >= 0 && socket_is_below(SERVICE_FD_LISTEN, "private/");
    svc->listen_first = svc->place.board ? SERVICE_FD_LISTEN : STDIN_FILENO;
    if (svc->place.board == NULL && !svc->options.standalone)
        log_fatal(
            "stand-alone mode requires the -S option; otherwise this program is run by master(8)");
    svc->standalone = svc->place.board == NULL && !service_stdin_is_listener();
    svc->passed = BUF_INIT(4096);
}

static void set_signals(void)
{
    (void)signal(SIGPIPE, SIG_IGN);
    (void)signal(SIGHUP, SIG_IGN); /* that is for master */
}

static void go_to_queue_directory(const struct service *svc)
{
    umask(077);
    if (chdir(svc->queue_directory) != 0)
        log_fatal("chdir %s: %s", svc->queue_directory, strerror(errno));
}

static NORETURN void run(struct service *svc)
{
    if (svc->spec->kind == SERVICE_MULTI)
        svc->loop = loop_new();
    if (svc->spec->after_jail)
        svc->spec->after_jail(svc);
    if (svc->standalone)
        service_run_standalone(svc);
    service_watchdog_start(svc,
                           svc->spec->patience ? *svc->spec->patience : site_conf.daemon_timeout);
    if (svc->spec->kind == SERVICE_MULTI)
        service_run_multi(svc);
    service_run_blocking(svc);
}

void service_settle(struct service *svc)
{
    if (svc->settled) /* in a template: the clone would only make copies of what it shares */
        return;
    svc->settled = true;
    conf_settle(svc->conf);
    (void)malloc_trim(0);
}

void service_main(const struct service_spec *spec, int argc, char **argv)
{
    static struct service svc;

    svc.spec = spec;
    set_signals();
    service_options_parse(&svc.options, argc, argv);
    log_set_verbose(svc.options.verbose);
    scoreboard_attach(&svc.place);
    open_early_logger(&svc);
    find_descriptors(&svc);
    if (svc.place.board)
        door_attach();
    service_configure(&svc);
    check_process_limit(&svc);
    go_to_queue_directory(&svc);
    service_run_debugger(&svc);
    service_take_lock(&svc);
    service_find_owner(&svc);
    connector_share(connector_new(service_root(&svc)));
    if (spec->before_fork)
        spec->before_fork(&svc);
    service_be_template(&svc);
    if (spec->before_jail)
        spec->before_jail(&svc);
    connector_close_list(connector_shared());
    tablemgr_close_list();
    service_settle(&svc);
    service_prepare_jail(&svc);
    service_enter_jail(&svc);
    run(&svc);
}

bool service_may_leave(struct service *svc)
{
    return svc->spec->may_leave == NULL || svc->spec->may_leave(svc);
}

void service_leave(struct service *svc)
{
    scoreboard_leave(&svc->place);
    exit(0);
}

struct conf *service_conf(struct service *svc) { return svc->conf; }
struct str service_name(struct service *svc) { return str_from(svc->options.name); }
struct str service_root(struct service *svc)
{
    return svc->options.chroot ? str_from(svc->queue_directory) : STR("");
}
int service_argc(struct service *svc) { return svc->options.argc; }
char **service_argv(struct service *svc) { return svc->options.argv; }
struct loop *service_loop(struct service *svc) { return svc->loop; }
bool service_keeps_root(const struct service *svc) { return svc->spec->needs_root; }
bool service_is_standalone(struct service *svc) { return svc->standalone; }
bool service_client_address(const struct service *svc, struct net_addr *out)
{
    if (svc->client.len == 0)
        return false;
    *out = svc->client;
    return true;
}

struct str service_passed(struct service *svc) { return buf_str(&svc->passed); }

bool service_is_stressed(struct service *svc)
{
    struct scoreboard_service *board = scoreboard_service_of(&svc->place);

    return str_equal(conf_value(svc->conf, STR("stress")), STR("yes")) ||
           (board && atomic_load(&board->stress_until) > (int64_t)time(NULL));
}

bool service_has_lost_help(void)
{
    return connector_is_lost(connector_shared()) || tablemgr_is_lost();
}

bool service_should_leave(struct service *svc)
{
    return svc->over || service_has_lost_help() || svc->leaving ||
           scoreboard_is_replaced(&svc->place) ||
           (!svc->spec->no_max_use && svc->uses >= svc->max_use);
}

void service_count_use(struct service *svc)
{
    svc->uses++;
    svc->activity++;
}

void service_replace(struct service *svc) { svc->leaving = true; }

void service_restart_for(struct service *svc, const char *table)
{
    if (!svc->leaving)
        log_info("table %s has changed -- restarting", table);
    service_replace(svc);
}

uint32_t service_client_number(const struct service *svc, struct str client)
{
    return scoreboard_client_number(&svc->place, client);
}

void service_note_client(struct service *svc, uint32_t client)
{
    svc->called_off = false;
    scoreboard_note_client(&svc->place, client);
}

void service_note_wait(struct service *svc, bool waits)
{
    scoreboard_note_wait(&svc->place, waits);
}

void service_note_engaged(struct service *svc, bool engaged)
{
    scoreboard_note_engaged(&svc->place, engaged);
}

const volatile bool *service_is_called_off(struct service *svc) { return &svc->called_off; }

static bool others_wait(const struct service *svc)
{
    for (int i = 0; i < svc->options.sockets; i++) {
        struct pollfd p = { .fd = svc->listen_first + i, .events = POLLIN };
        if (poll(&p, 1, 0) > 0)
            return true;
    }
    return false;
}

int service_crowded_by(struct service *svc, uint32_t client)
{
    struct scoreboard_service *row = scoreboard_service_of(&svc->place);
    struct crowd_seat seats[CROWD_SEATS];

    if (row == NULL || !service_is_stressed(svc) || !others_wait(svc))
        return 0;
    if (scoreboard_gave_way(&svc->place, client, CROWD_AWAY_MS))
        return 1;
    struct scoreboard *board = svc->place.board;
    size_t count = scoreboard_seats(board, (int)(row - board->services), seats, CROWD_SEATS);
    return crowd_share_is_used(seats, count, client);
}
