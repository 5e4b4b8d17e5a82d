#include "os/spawn.h"

#include "base/mem.h"
#include "os/clock.h"
#include "os/fd.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/wait.h>
#include <unistd.h>

#define DEFAULT_PATH "/bin:/usr/bin:/sbin:/usr/sbin"
#define READ_CHUNK   4096
#define POLL_STEP_MS 20 /* old kernels: how often a command is asked whether it has ended */

/* Descriptors of the child: one pipe for its output, one that reports why it did not start (closed by a
 * successful exec). */
struct pipes {
    int output[2];
    int trouble[2];
};

static bool open_pipes(struct pipes *p)
{
    if (pipe2(p->output, O_CLOEXEC) != 0)
        return false;
    if (pipe2(p->trouble, O_CLOEXEC) == 0)
        return true;
    close(p->output[0]);
    close(p->output[1]);
    return false;
}

/* What the child says of itself when it does not get as far as the command. */
struct trouble {
    enum spawn_result what;
    int error;
};

static NORETURN void give_up(const struct pipes *p, enum spawn_result what)
{
    const struct trouble t = { what, errno };

    (void)!write(p->trouble[1], &t, sizeof t);
    _exit(127);
}

static bool become_root(void) { return geteuid() == 0 || seteuid(0) == 0 || getuid() != 0; }

static bool enter_root(const struct spawn_request *r)
{
    return r->chroot == NULL || (chroot(r->chroot) == 0 && chdir("/") == 0);
}

static bool become_user(const struct spawn_request *r)
{
    if (geteuid() == 0 && setgroups(1, &r->gid) != 0)
        return false;
    return setresgid(r->gid, r->gid, r->gid) == 0 && setresuid(r->uid, r->uid, r->uid) == 0;
}

static bool set_stdio(const struct spawn_request *r, int output)
{
    int in = r->stdin_fd >= 0 ? r->stdin_fd : open("/dev/null", O_RDONLY | O_CLOEXEC);
    int out = r->session ? in : output;

    return in >= 0 && dup2(in, STDIN_FILENO) >= 0 && dup2(out, STDOUT_FILENO) >= 0 &&
           dup2(out, STDERR_FILENO) >= 0;
}

static const char *path_of(const char *const *envp)
{
    for (; envp && *envp; envp++) {
        struct str setting = str_from(*envp);
        if (str_skip_prefix(&setting, STR("PATH=")))
            return setting.ptr;
    }
    return DEFAULT_PATH;
}

static void execute(const struct spawn_request *r)
{
    static const char *const no_environment[] = { NULL };
    const char *const shell[] = { "sh", "-c", r->shell_command, NULL };
    const char *const *argv = r->argv;
    const char *const *envp = r->envp ? r->envp : no_environment;

    if (r->shell_command) {
        execve("/bin/sh", mem_unconst(shell), mem_unconst(envp));
        return;
    }
    if (strchr(argv[0], '/')) {
        execve(argv[0], mem_unconst(argv), mem_unconst(envp));
        return;
    }
    (void)setenv("PATH", path_of(r->envp), 1); /* execvpe searches our own PATH */
    execvpe(argv[0], mem_unconst(argv), mem_unconst(envp));
}

static NORETURN void run_child(const struct spawn_request *r, const struct pipes *p)
{
    sigset_t none;

    (void)setsid(); /* a time limit ends the command and what it started */
    (void)signal(SIGPIPE, SIG_DFL);
    (void)signal(SIGHUP, SIG_DFL);
    (void)signal(SIGALRM, SIG_DFL);
    (void)alarm(0);
    sigemptyset(&none);
    (void)sigprocmask(SIG_SETMASK, &none, NULL);
    if (!set_stdio(r, p->output[1]) || !become_root())
        give_up(p, SPAWN_FAILED);
    if (!enter_root(r))
        give_up(p, SPAWN_NO_ROOT);
    if (!become_user(r))
        give_up(p, SPAWN_FAILED);
    if (r->directory && chdir(r->directory) != 0)
        give_up(p, SPAWN_NO_DIRECTORY);
    /* Whatever we inherited from master without close-on-exec ends here; our own report pipe has it. */
    (void)close_range(3, ~0U, CLOSE_RANGE_CLOEXEC);
    execute(r);
    give_up(p, SPAWN_FAILED);
}

static void keep_output(struct buf *output, const char *bytes, size_t n)
{
    if (output && !output->full)
        buf_add(output, (struct str){ bytes, n });
}

/* Read until the command closes its output or time is up.  What passes the ceiling is read and dropped,
 * so that the command does not hang in write(2). */
static bool collect_output(int fd, struct deadline until, struct buf *output)
{
    char bytes[READ_CHUNK];

    for (;;) {
        if (fd_wait(fd, POLLIN, until) != IO_OK)
            return false;
        ssize_t n = read(fd, bytes, sizeof bytes);
        if (n > 0)
            keep_output(output, bytes, (size_t)n);
        else if (n == 0 || errno != EINTR)
            return true;
    }
}

static bool reap(pid_t pid, int *raw)
{
    pid_t got;

    do
        got = waitpid(pid, raw, WNOHANG);
    while (got < 0 && errno == EINTR);
    return got != 0;
}

/* A command may close its output and go on. */
static bool wait_until(pid_t pid, struct deadline until, int *raw)
{
    if (reap(pid, raw))
        return true;
    FD_AUTO(handle, pidfd_open(pid, 0));
    for (;;) {
        if (handle < 0 || fd_wait(handle, POLLIN, until) == IO_ERROR)
            (void)poll(NULL, 0, MIN(POLL_STEP_MS, deadline_left_ms(until)));
        if (reap(pid, raw))
            return true;
        if (deadline_passed(until))
            return false;
    }
}

/* The group may belong to somebody else: as root we may, as that user we may, otherwise nothing happens. */
static void kill_group(pid_t pid, int *raw)
{
    (void)kill(-pid, SIGKILL);
    (void)kill(pid, SIGKILL);
    while (waitpid(pid, raw, 0) < 0 && errno == EINTR)
        ;
}

static enum spawn_result judge(int raw, int *status)
{
    if (WIFEXITED(raw)) {
        *status = WEXITSTATUS(raw);
        return SPAWN_EXITED;
    }
    *status = WTERMSIG(raw);
    return SPAWN_SIGNALED;
}

static enum spawn_result watch_child(const struct spawn_request *r, pid_t pid,
                                     const struct pipes *p, int *status, struct buf *output)
{
    struct deadline until = r->time_limit_s > 0 ? deadline_in(r->time_limit_s) : DEADLINE_NEVER;
    struct trouble t;
    int raw = 0;

    if (read(p->trouble[0], &t, sizeof t) == (ssize_t)sizeof t) {
        while (waitpid(pid, &raw, 0) < 0 && errno == EINTR)
            ;
        errno = t.error;
        return t.what;
    }
    if (collect_output(p->output[0], until, output) && wait_until(pid, until, &raw))
        return judge(raw, status);
    kill_group(pid, &raw);
    *status = SIGKILL;
    return SPAWN_TIMEOUT;
}

enum spawn_result spawn_run(const struct spawn_request *request, int *status, struct buf *output)
{
    struct pipes p;
    enum spawn_result result = SPAWN_FAILED;

    if (!open_pipes(&p))
        return SPAWN_FAILED;
    pid_t pid = fork();
    if (pid == 0)
        run_child(request, &p);
    int saved = errno;
    close(p.output[1]);
    close(p.trouble[1]);
    errno = saved;
    if (pid > 0)
        result = watch_child(request, pid, &p, status, output);
    saved = errno;
    close(p.output[0]);
    close(p.trouble[0]);
    errno = saved;
    return result;
}
