/* postlogd - write log lines of programs that have no descriptor of maillog_file.
 *
 * Daemons append to the file themselves through a descriptor that master(8) opened; what arrives at
 * public/postlog comes from commands, and from daemons between a rotation and their end.
 *
 * Runs as:   mail_owner
 * Trusts:    main.cf
 * Distrusts: every datagram: who may write to public/postlog is decided by the directory */
#include "base/log.h"
#include "os/fd.h"
#include "service/service.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#define LINE_MAX_BYTES 8192
#define LINES_PER_TURN 64

static int log_file = -1;

/* Before the jail: master's descriptor may be missing when postlogd is started by hand. */
static void open_file(struct service *svc)
{
    const char *path = site_conf.maillog_file.ptr;

    if (site_conf.maillog_file.len == 0)
        log_fatal("service " STR_FMT ": maillog_file is empty, there is nothing to write to",
                  STR_ARG(service_name(svc)));
    log_file = service_log_fd(svc);
    if (log_file < 0)
        log_file = fd_open_log(path, O_CREAT);
    if (log_file < 0)
        log_fatal("open logfile '%s': %s", path, strerror(errno));
}

/* One datagram is one line, and one write: lines of different programs never mix. */
static bool forward_line(int socket)
{
    char line[LINE_MAX_BYTES + 1];
    ssize_t n = recv(socket, line, LINE_MAX_BYTES, MSG_DONTWAIT);

    if (n < 0)
        return false;
    while (n > 0 && (line[n - 1] == '\n' || line[n - 1] == '\0'))
        n--;
    for (ssize_t i = 0; i < n; i++)
        if (char_is_control(line[i]))
            line[i] = '?';
    line[n++] = '\n';
    if (!fd_write_all(log_file, (struct str){ line, (size_t)n }))
        log_fatal("write logfile '" STR_FMT "': %s", STR_ARG(site_conf.maillog_file),
                  strerror(errno));
    return true;
}

static void forward_lines(struct service *svc, int socket)
{
    (void)svc;
    for (int i = 0; i < LINES_PER_TURN && forward_line(socket); i++)
        ;
}

static const struct service_spec postlogd = {
    .name = "postlogd",
    .kind = SERVICE_DATAGRAM,
    .params = (const struct param_set *const[]){ &postlogd_param_set, NULL },
    .sandbox = SANDBOX_SERVICE,
    .paths = (const struct sandbox_path[]){ { NULL, SANDBOX_READ } },
    .process_limit = 1,
    .no_max_use = true,
    .patience = &postlogd_conf.postlogd_watchdog_timeout,
    .before_jail = open_file,
    .serve = forward_lines,
};

int main(int argc, char **argv) { service_main(&postlogd, argc, argv); }
