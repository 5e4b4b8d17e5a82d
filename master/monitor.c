/* master -w: the foreground process waits until the background one has its sockets, and ends with its
 * verdict. */
#include "base/log.h"
#include "master/master.h"
#include "os/fd.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#define START_LIMIT_S 100

static int report_fd = -1;

static NORETURN void wait_for_report(int fd)
{
    char verdict;
    enum io_result result = fd_wait(fd, POLLIN, deadline_in(START_LIMIT_S));

    /* The pipe closes without a byte when the other process ended. */
    if (result != IO_OK || read(fd, &verdict, 1) != 1)
        log_fatal("mail system startup failed");
    _exit(0);
}

void monitor_fork(void)
{
    int ends[2];

    if (pipe2(ends, O_CLOEXEC) != 0)
        log_fatal("pipe: %s", strerror(errno));
    pid_t pid = fork();
    if (pid < 0)
        log_fatal("fork: %s", strerror(errno));
    if (pid > 0) {
        close(ends[1]);
        wait_for_report(ends[0]);
    }
    close(ends[0]);
    report_fd = ends[1];
}

void monitor_report_success(void)
{
    if (report_fd < 0)
        return;
    if (!fd_write_all(report_fd, STR("1")))
        log_warning("the process that started the mail system has gone away");
    fd_close(&report_fd);
}
