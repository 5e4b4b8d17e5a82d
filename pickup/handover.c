#include "pickup/handover.h"

#include "base/log.h"
#include "os/fd.h"
#include "pickup/straight.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <sysexits.h>
#include <unistd.h>

#define PIPE_ROOM (64UL * 1024) /* what Linux gives a pipe */

/* postdrop recognises the name and uses sendmail's exit statuses. */
static char *const postdrop_argv[] = { (char[]){ "sendmail" }, NULL };

void handover_init(struct handover *h, const char *socket, const char *command, bool must_return)
{
    *h = (struct handover){
        .socket = socket, .command = command, .fd = -1, .must_return = must_return
    };
}

struct buf *handover_records(struct handover *h) { return &h->pending; }

static void make_pipe(int fds[2])
{
    if (pipe2(fds, O_CLOEXEC) != 0)
        log_fatal("pipe: %s", strerror(errno));
}

static void start_child(struct handover *h)
{
    posix_spawn_file_actions_t actions;
    int fds[2];

    make_pipe(fds);
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, fds[0], STDIN_FILENO);
    errno = posix_spawn(&h->pid, h->command, &actions, NULL, postdrop_argv, environ);
    if (errno)
        log_fatal("unable to execute %s: %s", h->command, strerror(errno));
    posix_spawn_file_actions_destroy(&actions);
    close(fds[0]);
    h->fd = fds[1];
    (void)signal(SIGPIPE, SIG_IGN);
}

/* A record that cannot be: postdrop(1) would refuse it. */
static void require_complete(struct handover *h)
{
    if (!h->pending.full)
        return;
    handover_abort(h);
    log_fatal("an address or option is too long");
}

static void send_pending(struct handover *h)
{
    require_complete(h);
    if (!h->broken && !fd_write_all(h->fd, buf_str(&h->pending)))
        h->broken = true;
    buf_clear(&h->pending);
}

void handover_pump(struct handover *h)
{
    if (h->pending.len < PIPE_ROOM)
        return;
    if (h->fd < 0)
        start_child(h);
    send_pending(h);
}

/* True when the pipe takes all of it without a reader.  The kernel gives users who have many pipes
 * smaller ones, but never less than PIPE_BUF. */
static bool fill_pipe(struct handover *h, int fds[2])
{
    make_pipe(fds);
    if (h->pending.len > PIPE_BUF && fcntl(fds[1], F_GETPIPE_SZ) < (int)h->pending.len)
        return false;
    return fd_write_all(fds[1], buf_str(&h->pending));
}

static void become_postdrop(struct handover *h)
{
    int fds[2];

    if (!fill_pipe(h, fds)) {
        close(fds[0]);
        close(fds[1]);
        return;
    }
    close(fds[1]);
    if (dup2(fds[0], STDIN_FILENO) < 0)
        log_fatal("dup2: %s", strerror(errno));
    execv(h->command, postdrop_argv);
    log_fatal("unable to execute %s: %s", h->command, strerror(errno));
}

static int wait_child(struct handover *h)
{
    int status;

    fd_close(&h->fd);
    while (waitpid(h->pid, &status, 0) < 0)
        if (errno != EINTR)
            log_fatal("wait for %s: %s", h->command, strerror(errno));
    if (WIFSIGNALED(status))
        log_fatal("%s killed by signal %d", h->command, WTERMSIG(status));
    return WEXITSTATUS(status);
}

int handover_finish(struct handover *h)
{
    require_complete(h);
    if (h->fd < 0 && straight_submit(h->socket, buf_str(&h->pending)))
        return EX_OK;
    if (h->fd < 0 && !h->must_return)
        become_postdrop(h); /* returns when the pipe is too small */
    if (h->fd < 0)
        start_child(h);
    send_pending(h);
    return wait_child(h);
}

void handover_abort(struct handover *h)
{
    if (h->fd < 0)
        return;
    kill(h->pid, SIGTERM); /* first, or it would complain about the incomplete message */
    fd_close(&h->fd);
    while (waitpid(h->pid, NULL, 0) < 0 && errno == EINTR)
        continue;
}
