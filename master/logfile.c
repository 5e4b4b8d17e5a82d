/* maillog_file is opened once, here, and every daemon inherits the descriptor: a log line costs one write,
 * and no jail needs the path. */
#include "base/log.h"
#include "base/number.h"
#include "master/master.h"
#include "os/fd.h"
#include "os/logger.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static bool prefix_is_allowed(struct str path)
{
    struct str rest = site_conf.maillog_file_prefixes, prefix;

    while (str_token(&rest, ", \t\r\n", &prefix))
        if (str_starts(path, prefix) &&
            (path.len == prefix.len || path.ptr[prefix.len] == '/' || str_ends(prefix, STR("/"))))
            return true;
    return false;
}

static bool parse_mode(mode_t *mode)
{
    char *end;
    unsigned long value = strtoul(site_conf.maillog_file_permissions.ptr, &end, 8);

    *mode = (mode_t)value;
    return *end == '\0' && value > 0 && value <= 0777;
}

/* A pipe that nobody reads is an error at once (O_NONBLOCK), not a wait. */
static int open_path(struct str path, mode_t mode)
{
    if (str_equal(path, STR("/dev/stdout")))
        return fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 3);
    int fd = fd_open_log(path.ptr, O_NONBLOCK | O_CREAT | O_EXCL);
    if (fd >= 0)
        (void)fchmod(fd, mode);
    else if (errno == EEXIST)
        fd = fd_open_log(path.ptr, O_NONBLOCK);
    if (fd >= 0)
        fd_set_nonblocking(fd, false);
    return fd;
}

static bool open_file(struct str path, int *fd, struct buf *error)
{
    mode_t mode;

    if (!prefix_is_allowed(path))
        buf_join(error, STR("maillog_file value '"), path,
                 STR("' does not match any prefix in maillog_file_prefixes"));
    else if (!parse_mode(&mode))
        buf_join(error, STR("bad configuration: maillog_file_permissions = "),
                 site_conf.maillog_file_permissions);
    else if ((*fd = open_path(path, mode)) < 0)
        buf_join(error, STR("open logfile '"), path, STR("': "), str_from(strerror(errno)));
    return error->len == 0;
}

/* Who starts us should know at once.  Later a disk without room for a new log must not take the mail system down. */
static void report_failure(const struct master *m, const char *error)
{
    if (m->generation == 0)
        log_fatal("%s", error);
    log_error("%s; logging goes where it went before", error);
}

void logfile_open(struct master *m)
{
    struct str path = site_conf.maillog_file;
    BUF_AUTO(error, 1024);
    int fd = -1;

    if (path.len && !open_file(path, &fd, &error)) {
        report_failure(m, buf_cstr(&error));
        return;
    }
    int old = m->log_fd;
    m->log_fd = fd;
    logfile_use(m);
    fd_close(&old);
    if (m->board)
        atomic_fetch_add(&m->board->log_epoch, 1);
}

/* The logger keeps the descriptor, so it gets the new one before the old one is closed. */
void logfile_use(struct master *m)
{
    static char tag[256];
    struct str name = conf_value(m->conf, STR("syslog_name"));
    struct logger_options log = { .tag = tag, .file_fd = m->log_fd, .program = "master" };

    (void)snprintf(tag, sizeof tag, STR_FMT "/master", STR_ARG(name));
    log.hostname = site_conf.myhostname.ptr;
    log.facility = conf_value(m->conf, STR("syslog_facility")).ptr;
    log.to_stderr = m->attached || m->options.keep_terminal;
    logger_init(&log);
}
