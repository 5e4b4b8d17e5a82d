/* master - start the mail system's daemons when their clients come, and keep them running.
 *
 * Runs as:   root
 * Trusts:    main.cf, master.cf
 * Distrusts: nothing comes from outside: it hands connections on without reading from them */
#include "base/log.h"
#include "conf/conf.h"
#include "master/lock.h"
#include "master/master.h"
#include "os/fd.h"
#include "os/logger.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <unistd.h>

static NORETURN void terminate(struct master *m, int signal_number)
{
    log_info("terminating on signal %d", signal_number);
    (void)signal(SIGTERM, SIG_IGN);
    struct map_cursor cursor = { 0 };
    struct str key;
    void *value;
    while (map_next(&m->children, &cursor, &key, &value))
        (void)kill(((const struct child *)value)->pid, SIGTERM);
    if (getpgrp() == getpid())
        (void)kill(0, SIGTERM); /* and what they have started */
    exit(0);
}

/* Daemons finish their clients and end; nobody starts new ones. */
static NORETURN void drain(struct master *m)
{
    log_info("leaving; daemons finish their work");
    atomic_store(&m->board->draining, 1);
    exit(0);
}

static void take_signal(void *context, int fd, uint32_t events)
{
    struct master *m = context;
    struct signalfd_siginfo info;

    (void)events;
    while (read(fd, &info, sizeof info) == (ssize_t)sizeof info) {
        if (info.ssi_signo == SIGCHLD)
            reap_children(m);
        else if (info.ssi_signo == SIGHUP)
            reload_all(m);
        else if (info.ssi_signo == SIGUSR1)
            drain(m);
        else
            terminate(m, (int)info.ssi_signo);
    }
}

/* Blocked signals arrive as readable events, so that nothing ever runs in the middle of something else.
 * Children get an empty mask before exec. */
static void open_signals(struct master *m)
{
    static const int handled[] = { SIGCHLD, SIGHUP, SIGTERM, SIGINT, SIGUSR1 };
    sigset_t set;

    sigemptyset(&set);
    for (size_t i = 0; i < ARRAY_LEN(handled); i++)
        sigaddset(&set, handled[i]);
    (void)sigprocmask(SIG_BLOCK, &set, NULL);
    (void)signal(SIGPIPE, SIG_IGN);
    m->signal_fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
    if (m->signal_fd < 0)
        log_fatal("signalfd: %s", strerror(errno));
    loop_watch(m->loop, m->signal_fd, EPOLLIN, take_signal, m);
}

static NORETURN void leave_at_time(void *context)
{
    (void)context;
    log_info("master exit time has arrived");
    exit(0);
}

/* Descriptors 0-2 are always open, so that no socket ever gets such a number. */
static int open_null(void)
{
    int null;

    while ((null = open("/dev/null", O_RDWR)) >= 0 && null <= STDERR_FILENO)
        ;
    if (null < 0)
        log_fatal("open /dev/null: %s", strerror(errno));
    return null;
}

/* Once all is well: until then complaints are also seen by the one who starts us. */
static void detach(struct master *m)
{
    const struct master_options *o = &m->options;
    int null = open_null();

    if (!o->keep_terminal) {
        (void)dup2(null, STDIN_FILENO);
        if (!o->foreground && !o->init)
            (void)dup2(null, STDOUT_FILENO);
        (void)dup2(null, STDERR_FILENO);
        (void)setsid(); /* fails for a group leader, which needs no new group */
    }
    close(null);
    m->attached = false;
    logfile_use(m);
}

/* Descriptors that our starter forgot would otherwise reach every daemon. */
static void close_inherited(void) { (void)close_range(3, ~0U, 0); }

/* Many services with many sockets: take what the hard limit gives. */
static void raise_file_limit(void)
{
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < limit.rlim_max &&
        limit.rlim_max <= 1048576) {
        limit.rlim_cur = limit.rlim_max;
        (void)setrlimit(RLIMIT_NOFILE, &limit);
    }
}

static void open_early_logger(void)
{
    struct logger_options log = {
        .tag = "postfix/master", .hostname = "localhost", .file_fd = -1, .facility = "mail"
    };

    log.program = "master";
    log.to_stderr = true;
    logger_init(&log);
}

static void enter_queue_directory(struct master *m)
{
    struct str dir = conf_value(m->conf, STR("queue_directory"));

    umask(077);
    if (chdir(dir.ptr) != 0)
        log_fatal("chdir " STR_FMT ": %s", STR_ARG(dir), strerror(errno));
}

/* Whether a mail system runs has nothing to do with what main.cf says today about other things. */
static NORETURN void test_lock(struct master *m)
{
    m->conf = config_open_main();
    enter_queue_directory(m);
    site_conf.process_id_directory = conf_value(m->conf, STR("process_id_directory"));
    exit(lock_is_held() ? 1 : 0);
}

static void run_debugger(struct master *m)
{
    struct str command = conf_value(m->conf, STR("debugger_command"));

    /* debugger_command is a shell command of main.cf's owner. */
    if (m->options.debugger && command.len && system(command.ptr) != 0) // NOLINT(cert-env33-c)
        log_warning("debugger_command failed");
}

static void prepare(struct master *m, int argc, char **argv)
{
    close_inherited();
    close(open_null());
    open_early_logger();
    master_options_parse(&m->options, argc, argv);
    if (getuid() != 0)
        log_fatal("the master command is reserved for the superuser");
    if (m->options.config_directory)
        (void)setenv("MAIL_CONFIG", m->options.config_directory, 1);
    log_set_verbose(m->options.verbose);
    m->board_fd = m->signal_fd = m->log_fd = m->main_cf_fd = -1;
    m->generation_pipe[0] = m->generation_pipe[1] = -1;
    m->wake_pipe[0] = m->wake_pipe[1] = -1;
    m->children = MAP_INIT;
    list_init(&m->services);
    list_init(&m->retired);
    list_init(&m->templates);
    m->attached = true;
    if (m->options.check)
        check_for_command(m);
    if (m->options.test_lock)
        test_lock(m);
    config_read_main(m);
    enter_queue_directory(m);
}

static void start(struct master *m)
{
    logfile_open(m);
    lock_take(); /* the lock passes over to the background process */
    if (m->options.wait)
        monitor_fork();
    raise_file_limit();
    lock_write_pid();
    environment_clean(m);
    run_debugger(m);
    m->loop = loop_new();
    board_create(m);
    open_signals(m);
    demand_start(m);
    reload_services(m);
    detach(m);
    log_info("daemon started -- version " STR_FMT ", configuration %s",
             STR_ARG(site_conf.mail_version), conf_directory(m->conf));
    if (m->options.exit_after_s)
        (void)loop_timer_start(m->loop, (int64_t)m->options.exit_after_s * 1000, leave_at_time, m);
    monitor_report_success();
}

int main(int argc, char **argv)
{
    static struct master m;

    prepare(&m, argc, argv);
    start(&m);
    for (;;)
        loop_run_once(m.loop, -1);
}
