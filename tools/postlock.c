/* postlock - run a command while a mailbox is locked, the way mail delivery locks it. */
#include "base/log.h"
#include "conf/command.h"
#include "delivery/dotlock.h"
#include "delivery/rights.h"
#include "os/fd.h"
#include "os/lock.h"

#include <errno.h>
#include <fcntl.h>
#include <pwd.h>
#include <signal.h>
#include <spawn.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <sysexits.h>
#include <unistd.h>

struct postlock {
    struct store_target target;
    struct dotlock dot;
    int fd;
};

static volatile sig_atomic_t child;

/* The command ends by it, and then the lock goes. */
static void pass_on(int number)
{
    if (child > 0)
        (void)kill((pid_t)child, number);
}

static void catch_signals(void)
{
    struct sigaction forward = { .sa_handler = pass_on };

    (void)sigaction(SIGTERM, &forward, NULL);
    /* The terminal sends these to the command as well. */
    (void)signal(SIGINT, SIG_IGN);
    (void)signal(SIGQUIT, SIG_IGN);
    (void)signal(SIGHUP, SIG_IGN);
}

NORETURN static void usage(void)
{
    log_fatal("usage: postlock [-c config_dir] [-l lock_style] [-v] folder command...");
}

/* Whoever owns the folder's directory can put a link to any file there: root acts with his rights. */
static void find_actor(struct store_target *t)
{
    const char *name;
    FD_AUTO(dir, fd_open_parent(t->path, &name));
    struct stat st;

    t->uid = geteuid();
    t->gid = getegid();
    if (t->uid != 0 || dir < 0 || fstat(dir, &st) != 0 || st.st_uid == 0)
        return;
    const struct passwd *owner = getpwuid(st.st_uid);
    t->uid = st.st_uid;
    t->gid = owner ? owner->pw_gid : st.st_gid;
}

static void release(struct postlock *p)
{
    rights_enter(p->target.uid, p->target.gid);
    dotlock_release(&p->dot, &p->target);
    rights_leave();
    if (p->fd >= 0)
        close(p->fd);
}

NORETURN static void cannot_lock(struct postlock *p, const char *what)
{
    int error = errno;

    rights_leave();
    release(p);
    log_fatal("open file %s: %s: %s", p->target.path, what, strerror(error));
}

/* Both kernel locks, each if asked for. */
static bool try_kernel_locks(const struct postlock *p)
{
    if (p->target.locks & STORE_FLOCK && !lock_try_exclusive(p->fd))
        return false;
    return !(p->target.locks & STORE_FCNTL) || lock_fcntl_try_exclusive(p->fd);
}

static void take_locks(struct postlock *p)
{
    struct store_fault fault = STORE_FAULT_INIT;
    struct lock_patience patience =
        lock_patience_begin(site_conf.deliver_lock_attempts, site_conf.deliver_lock_delay);

    rights_enter(p->target.uid, p->target.gid);
    if (p->target.locks & STORE_DOTLOCK && !dotlock_take(&p->dot, &p->target, &fault))
        log_fatal("open file %s: " STR_FMT, p->target.path, STR_ARG(buf_str(&fault.text)));
    p->fd =
        open(p->target.path, O_RDWR | O_APPEND | O_CREAT | O_NOFOLLOW | O_NOCTTY | O_CLOEXEC, 0600);
    if (p->fd < 0)
        cannot_lock(p, "cannot open file");
    while (!try_kernel_locks(p))
        if (!lock_patience_wait(&patience))
            cannot_lock(p, "unable to lock for exclusive access");
    rights_leave();
}

/* The command's signals are those that postlock was started with. */
static int run_command(struct postlock *p, char **argv)
{
    posix_spawnattr_t attributes;
    sigset_t defaults;
    pid_t pid;
    int status;

    sigemptyset(&defaults);
    sigaddset(&defaults, SIGTERM);
    sigaddset(&defaults, SIGINT);
    sigaddset(&defaults, SIGQUIT);
    sigaddset(&defaults, SIGHUP);
    posix_spawnattr_init(&attributes);
    posix_spawnattr_setsigdefault(&attributes, &defaults);
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGDEF);
    errno = posix_spawnp(&pid, argv[0], NULL, &attributes, argv, environ);
    if (errno) {
        int error = errno;
        release(p);
        command_set_fatal_status(1);
        log_fatal("execvp %s: %s", argv[0], strerror(error));
    }
    child = pid;
    while (waitpid(pid, &status, 0) < 0)
        if (errno != EINTR)
            return EX_TEMPFAIL;
    child = 0;
    return WIFEXITED(status) ? WEXITSTATUS(status) : 1;
}

int main(int argc, char **argv)
{
    struct postlock p = { .dot = DOTLOCK_INIT, .fd = -1 };
    const char *config_dir = NULL, *style = NULL;
    int letter;

    command_begin("postlock", EX_TEMPFAIL);
    command_stay_out_of_log();
    while ((letter = getopt(argc, argv, "+c:l:v")) != -1) {
        switch (letter) {
        case 'c':
            config_dir = optarg;
            break;
        case 'l':
            style = optarg;
            break;
        case 'v':
            command_more_verbose();
            break;
        default:
            usage();
        }
    }
    if (argc - optind < 2)
        usage();
    (void)command_conf(config_dir);
    struct str locks = style ? str_from(style) : site_conf.mailbox_delivery_lock;
    if (!store_lock_parse(locks, &p.target.locks))
        log_fatal("unknown mailbox_delivery_lock value \"" STR_FMT "\" in \"" STR_FMT "\"",
                  STR_ARG(locks), STR_ARG(locks));
    p.target.path = argv[optind];
    find_actor(&p.target);
    catch_signals();
    take_locks(&p);
    int status = run_command(&p, argv + optind + 1);
    release(&p);
    return status;
}
