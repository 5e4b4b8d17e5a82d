/* Without master: one client on stdin and stdout, or the clients of a listening socket on stdin. */
#include "base/log.h"
#include "os/fd.h"
#include "service/private.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define PUMP_CHUNK 65536

bool service_stdin_is_listener(void)
{
    int value = 0, type = 0;
    socklen_t len = sizeof value;

    if (getsockopt(STDIN_FILENO, SOL_SOCKET, SO_TYPE, &type, &len) != 0)
        return false;
    len = sizeof value;
    return type == SOCK_DGRAM ||
           (getsockopt(STDIN_FILENO, SOL_SOCKET, SO_ACCEPTCONN, &value, &len) == 0 && value);
}

/* Copy what is there.  False at the end of `from`. */
static bool pump(int from, int to)
{
    static char bytes[PUMP_CHUNK];
    ssize_t n = read(from, bytes, sizeof bytes);

    if (n < 0 && errno == EINTR)
        return true;
    return n > 0 && fd_write_all(to, (struct str){ bytes, (size_t)n });
}

/* The helper's life: stdin to the socket, the socket to stdout, until the daemon closes its end. */
static NORETURN void relay(int fd)
{
    struct pollfd p[2] = { { .fd = fd, .events = POLLIN },
                           { .fd = STDIN_FILENO, .events = POLLIN } };

    for (;;) {
        if (poll(p, 2, -1) < 0 && errno != EINTR)
            break;
        if (p[0].revents && !pump(fd, STDOUT_FILENO))
            break;
        if (p[1].revents && !pump(STDIN_FILENO, fd)) {
            shutdown(fd, SHUT_WR);
            p[1].fd = -1;
            p[1].revents = 0;
        }
    }
    _exit(0);
}

static bool is_same_socket(void)
{
    struct stat in, out;

    return fstat(STDIN_FILENO, &in) == 0 && fstat(STDOUT_FILENO, &out) == 0 &&
           S_ISSOCK(in.st_mode) && in.st_ino == out.st_ino;
}

/* serve() wants one descriptor for both directions. */
static int join_stdio(pid_t *helper)
{
    int pair[2];

    *helper = 0;
    if (is_same_socket())
        return STDIN_FILENO;
    if (socketpair(AF_UNIX, SOCK_STREAM, 0, pair) != 0 || (*helper = fork()) < 0)
        log_fatal("stand-alone mode: %s", strerror(errno));
    if (*helper == 0) {
        close(pair[0]);
        relay(pair[1]);
    }
    close(pair[1]);
    return pair[0];
}

void service_run_standalone(struct service *svc)
{
    pid_t helper;

    if (svc->spec->trigger)
        log_fatal("service %s does nothing without master(8)", svc->options.name);
    int fd = join_stdio(&helper);
    if (svc->spec->kind == SERVICE_MULTI) {
        svc->spec->serve(svc, fd);
        while (svc->spec->may_leave && !svc->spec->may_leave(svc))
            loop_run_once(svc->loop, -1);
    } else {
        svc->spec->serve(svc, fd);
        close(fd);
    }
    if (helper)
        (void)waitpid(helper, NULL, 0);
    exit(0);
}
