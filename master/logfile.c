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

#define DEFAULT_MODE 0600

static bool prefix_is_allowed(struct str path)
{
    struct str rest = site_conf.maillog_file_prefixes, prefix;

    while (str_token(&rest, ", \t\r\n", &prefix))
        if (str_starts(path, prefix) &&
            (path.len == prefix.len || path.ptr[prefix.len] == '/' || str_ends(prefix, STR("/"))))
            return true;
    return false;
}

static mode_t file_mode(void)
{
    char *end;
    unsigned long mode = strtoul(site_conf.maillog_file_permissions.ptr, &end, 8);

    if (*end != '\0' || mode == 0 || mode > 0777)
        log_fatal("bad configuration: maillog_file_permissions = " STR_FMT,
                  STR_ARG(site_conf.maillog_file_permissions));
    return (mode_t)mode;
}

static int open_path(struct str path)
{
    if (str_equal(path, STR("/dev/stdout")))
        return fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 3);
    int fd =
        open(path.ptr, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOCTTY | O_EXCL, DEFAULT_MODE);
    if (fd >= 0)
        (void)fchmod(fd, file_mode());
    else if (errno == EEXIST)
        fd = open(path.ptr, O_WRONLY | O_APPEND | O_CLOEXEC | O_NOCTTY);
    return fd;
}

void logfile_open(struct master *m)
{
    struct str path = site_conf.maillog_file;
    int fd = -1;

    if (path.len) {
        if (!prefix_is_allowed(path))
            log_fatal("maillog_file value '" STR_FMT
                      "' does not match any prefix in maillog_file_prefixes",
                      STR_ARG(path));
        fd = open_path(path);
        if (fd < 0)
            log_fatal("open logfile '" STR_FMT "': %s", STR_ARG(path), strerror(errno));
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
