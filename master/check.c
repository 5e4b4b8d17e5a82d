/* Is the configuration on disk good enough to start with, or to replace the one we run with?
 *
 * Reading a bad file ends the process that reads it, so at a reload a child does that; a slip in an editor must not take
 * the mail system down. */
#include "conf/check.h"

#include "base/log.h"
#include "master/master.h"
#include "os/fd.h"
#include "os/logger.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define PATIENCE_S 10

static void tell(void *context, struct str fault)
{
    (void)context;
    log_error(STR_FMT, STR_ARG(fault));
}

static const struct check_listener listener = { .tell = tell };

static void count_setting(void *context, struct str name, struct str value)
{
    (void)name;
    (void)value;
    ++*(size_t *)context;
}

/* Every setting, whoever reads it: a daemon that cannot be started is no better than a master that cannot. */
static void check_main(struct conf *conf)
{
    size_t settings = 0;

    conf_each_setting(conf, count_setting, &settings);
    if (settings == 0)
        log_fatal("%s/main.cf: nothing is set there", conf_directory(conf));
    if (conf_check_main(conf, &listener) > 0)
        log_fatal("%s/main.cf cannot be used", conf_directory(conf));
}

static void check_services(struct master *m)
{
    size_t count;

    config_read_main(m);
    (void)config_read_services(m, &count);
    if (count == 0)
        log_fatal("%s/master.cf: there is no service in it", conf_directory(m->conf));
}

/* Of a fault here one service suffers, the others can do their work. */
static unsigned check_settings(struct master *m)
{
    ARENA_AUTO(arena);
    BUF_AUTO(error, 1024);
    struct master_cf cf;
    unsigned faults = 0;

    if (!master_cf_read(conf_directory(m->conf), &arena, &cf, &error))
        log_fatal("%s", buf_cstr(&error));
    for (size_t i = 0; i < cf.count; i++)
        faults += conf_check_service(m->conf, &cf.entries[i], &listener);
    return faults;
}

/* The values that say where the log is may be bad ones themselves. */
static void use_log_of(struct conf *conf)
{
    static struct buf postlog; /* the logger keeps it */
    struct logger_options log = {
        .tag = "postfix/master",
        .hostname = conf_text_or_none(conf, "myhostname"),
        .file_fd = -1,
        .facility = conf_text_or_none(conf, "syslog_facility"),
        .direct_path = conf_text_or_none(conf, "maillog_file"),
        .program = "master",
        .to_stderr = true,
    };

    if (*log.direct_path) {
        buf_join(&postlog, str_from(conf_text_or_none(conf, "queue_directory")), STR("/public/"),
                 str_from(conf_text_or_none(conf, "postlog_service_name")));
        log.postlog_path = buf_cstr(&postlog);
    }
    logger_init(&log);
}

void check_for_command(struct master *m)
{
    struct conf *conf = config_open_main();

    use_log_of(conf);
    check_main(conf);
    check_services(m);
    exit(check_settings(m) > 0 ? CHECK_SOME_SERVICES : CHECK_GOOD);
}

static NORETURN void check_all(struct master *m)
{
    check_main(config_open_main());
    check_services(m);
    _exit(0);
}

/* The end of the child.  It is not waited for without end: what it reads may be on a disk that does not answer, and while
 * we wait nobody starts the programs that others ask for. */
static bool ends_well(pid_t pid)
{
    FD_AUTO(fd, (int)syscall(SYS_pidfd_open, pid, 0));
    int raw = 0;

    if (fd >= 0 && fd_wait(fd, POLLIN, deadline_in(PATIENCE_S)) == IO_TIMEOUT) {
        log_error("%d seconds were not enough to read the configuration", PATIENCE_S);
        (void)kill(pid, SIGKILL);
    }
    while (waitpid(pid, &raw, 0) < 0 && errno == EINTR)
        ;
    return WIFEXITED(raw) && WEXITSTATUS(raw) == 0;
}

bool check_configuration(struct master *m)
{
    pid_t pid = fork();

    if (pid == 0)
        check_all(m);
    return pid < 0 || ends_well(pid);
}
