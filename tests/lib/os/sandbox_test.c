/* What code that took over a daemon finds refused.  Every attempt is made in a child of its own that has entered the
 * jail; the working directory has a file in `shut/` (not in the list of paths), in `fill/` (for writing) and in
 * `keep/` (for changing). */
#include "base/mem.h"
#include "os/sandbox.h"
#include "unit.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <linux/netlink.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#define TEXT_FILE "some text\n"

enum { REFUSED, KILLED, DONE };

/* Filled before the jail. */
static struct {
    pid_t victim;  /* another process of ours */
    int log;       /* open for appending */
    int socket;    /* one that others share */
    int directory; /* the working directory */
} have;

static const struct sandbox_path paths[] = { { "fill", SANDBOX_WRITE },
                                             { "keep", SANDBOX_CHANGE },
                                             { NULL, SANDBOX_READ } };

static bool opens(const char *path, int flags) { return open(path, flags, 0600) >= 0; }
static bool has_socket(int family, int type, int protocol)
{
    return socket(family, type, protocol) >= 0;
}

static bool binds(const char *path, size_t skip)
{
    struct sockaddr_un a = { .sun_family = AF_UNIX };
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);

    (void)snprintf(a.sun_path + skip, sizeof a.sun_path - skip, "%s", path);
    return bind(fd, (struct sockaddr *)&a,
                (socklen_t)(offsetof(struct sockaddr_un, sun_path) + skip + strlen(path))) == 0;
}

/* ---- attempts ---- */

static bool read_shut(void) { return opens("shut/file", O_RDONLY); }
static bool write_shut(void) { return opens("shut/file", O_WRONLY); }
static bool read_passwords(void) { return opens("/etc/shadow", O_RDONLY); }
static bool write_passwords(void) { return opens("/etc/passwd", O_WRONLY); }
static bool read_fill(void) { return opens("fill/file", O_RDONLY); }
static bool write_fill(void) { return opens("fill/file", O_WRONLY); }
static bool make_in_fill(void) { return opens("fill/new", O_WRONLY | O_CREAT | O_EXCL); }
static bool remove_in_fill(void) { return unlink("fill/file") == 0; }
static bool make_in_keep(void) { return opens("keep/new", O_WRONLY | O_CREAT | O_EXCL); }
static bool remove_in_keep(void) { return unlink("keep/file") == 0; }
static bool remove_shut(void) { return unlink("shut/file") == 0; }
static bool rename_to_shut(void) { return rename("keep/file", "shut/other") == 0; }
static bool rename_from_shut(void) { return rename("shut/file", "keep/other") == 0; }
static bool open_modes(void) { return chmod("shut", 0777) == 0; }
static bool open_modes_at(void) { return fchmodat(have.directory, "shut", 0777, 0) == 0; }
static bool give_away(void) { return chown("shut/file", 1, 1) == 0; }
static bool cut_by_name(void) { return truncate("shut/file", 0) == 0; }
static bool cut_log(void) { return ftruncate(have.log, 0) == 0; }
static bool punch_log(void) { return fallocate(have.log, 3, 0, 4) == 0; }
static bool age_by_name(void) { return utimensat(AT_FDCWD, "shut/file", NULL, 0) == 0; }
static bool link_file(void) { return link("shut/file", "keep/link") == 0; }
static bool link_symbolic(void) { return symlink("/etc/passwd", "keep/symlink") == 0; }
static bool make_fifo(void) { return mknod("keep/fifo", S_IFIFO | 0600, 0) == 0; }
static bool bind_in_keep(void) { return binds("keep/socket", 0); }
static bool bind_abstract(void) { return binds("relevo-sandbox-test", 1); }
static bool read_own_memory(void) { return opens("/proc/self/mem", O_RDWR); }
static bool read_victims_memory(void)
{
    char path[64];

    (void)snprintf(path, sizeof path, "/proc/%d/mem", (int)have.victim);
    return opens(path, O_RDONLY);
}
static bool kill_victim(void) { return kill(have.victim, SIGSTOP) == 0; }
static bool signal_victim(void)
{
    return syscall(SYS_tgkill, have.victim, have.victim, SIGSTOP) == 0;
}
static bool signal_self(void) { return syscall(SYS_tgkill, getpid(), gettid(), SIGCONT) == 0; }
static bool own_victim(void) { return fcntl(have.log, F_SETOWN, have.victim) == 0; }
static bool lease_log(void) { return fcntl(have.log, F_SETLEASE, F_RDLCK) == 0; }
static bool limit_victim(void)
{
    struct rlimit none = { 0, 0 };

    return prlimit(have.victim, RLIMIT_FSIZE, &none, NULL) == 0;
}
static bool read_own_limit(void)
{
    struct rlimit limit;

    return getrlimit(RLIMIT_NOFILE, &limit) == 0;
}
static bool use_tcp(void) { return has_socket(AF_INET, SOCK_STREAM, 0); }
static bool use_udp(void) { return has_socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0); }
static bool use_icmp(void) { return has_socket(AF_INET, SOCK_RAW, 1); }
static bool use_packets(void) { return has_socket(AF_PACKET, SOCK_RAW, 0); }
static bool use_route(void) { return has_socket(AF_NETLINK, SOCK_RAW, NETLINK_ROUTE); }
static bool use_netfilter(void) { return has_socket(AF_NETLINK, SOCK_RAW, NETLINK_NETFILTER); }
static bool use_vsock(void) { return has_socket(AF_VSOCK, SOCK_STREAM, 0); }
static bool stop_listening(void)
{
    int pair[2];

    return socketpair(AF_UNIX, SOCK_STREAM, 0, pair) == 0 && shutdown(pair[0], SHUT_RDWR) == 0;
}
static bool type_for_others(void) { return ioctl(have.log, TIOCSTI, "x") == 0 || errno != EPERM; }
static bool type_with_a_high_bit(void)
{
    return syscall(SYS_ioctl, have.log, TIOCSTI | UINT64_C(1) << 32, "x") == 0 || errno != EPERM;
}
static bool use_named(void) { return has_socket(AF_UNIX, SOCK_STREAM, 0); }
static bool use_pair(void)
{
    int pair[2];

    return socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) == 0;
}
static bool use_multipath(void)
{
    return has_socket(AF_INET, SOCK_STREAM, IPPROTO_MPTCP) || errno != EPERM;
}
static bool use_packets_in_order(void)
{
    return has_socket(AF_INET, SOCK_SEQPACKET, 0) || errno != EPERM;
}
/* Nobody listens there; the question is who says no. */
static bool may_connect(uint16_t port)
{
    struct sockaddr_in a = { .sin_family = AF_INET,
                             .sin_port = htons(port),
                             .sin_addr = { htonl(INADDR_LOOPBACK) } };
    int fd = socket(AF_INET, SOCK_STREAM, 0);

    return fd >= 0 && (connect(fd, (struct sockaddr *)&a, sizeof a) == 0 || errno == ECONNREFUSED);
}
static bool connect_to_name_server(void) { return may_connect(53); }
static bool connect_to_mail_server(void) { return may_connect(2525); }
static bool serve_others(void)
{
    int fd = socket(AF_INET, SOCK_STREAM, 0);

    return fd >= 0 && listen(fd, 1) == 0;
}
static bool set_option(int level, int option)
{
    int on = 1;

    return setsockopt(have.socket, level, option, &on, sizeof on) == 0 || errno != EPERM;
}
static bool limit_waits(void)
{
    struct timeval t = { 1, 0 };

    return setsockopt(have.socket, SOL_SOCKET, SO_RCVTIMEO, &t, sizeof t) == 0;
}
static bool share_port(void) { return set_option(SOL_SOCKET, SO_REUSEPORT); }
static bool filter_socket(void) { return set_option(SOL_SOCKET, SO_ATTACH_FILTER); }
static bool change_protocol(void) { return set_option(IPPROTO_TCP, TCP_ULP); }
static bool overwrite_log(void) { return fcntl(have.log, F_SETFL, O_WRONLY) == 0; }
static bool block_others(void)
{
    int off = 0;

    return ioctl(have.socket, FIONBIO, &off) == 0;
}
static bool maps(int protection)
{
    return mmap(NULL, 4096, protection, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) != MAP_FAILED;
}
static bool write_and_run(void) { return maps(PROT_READ | PROT_WRITE | PROT_EXEC); }
static bool write_then_run(void)
{
    void *at = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    return at != MAP_FAILED && mprotect(at, 4096, PROT_READ | PROT_EXEC) == 0;
}
static bool map_memory(void) { return maps(PROT_READ | PROT_WRITE) && maps(PROT_READ); }
static bool make_memory_file(void) { return memfd_create("x", 0) >= 0; }
static bool run_program(void)
{
    char *argv[] = { (char[]){ "true" }, NULL };

    return execve("/bin/true", argv, environ) == 0;
}
static bool fork_child(void) { return fork() >= 0; }
static bool trace_victim(void) { return ptrace(PTRACE_SEIZE, have.victim, NULL, NULL) == 0; }
static bool mount_something(void) { return mount("none", "keep", "tmpfs", 0, NULL) == 0; }
static bool leave_namespaces(void) { return syscall(SYS_unshare, 0x10000000) == 0; }
static bool change_root(void) { return chroot("keep") == 0; }
static bool load_bpf(void) { return syscall(SYS_bpf, 0, NULL, 0) == 0 || errno != EPERM; }
static bool watch_events(void)
{
    return syscall(SYS_perf_event_open, NULL, 0, -1, -1, 0) >= 0 || errno != EPERM;
}
static bool fault_pages(void) { return syscall(SYS_userfaultfd, 0) >= 0; }
static bool use_uring(void) { return syscall(SYS_io_uring_setup, 1, NULL) >= 0 || errno == EFAULT; }
static bool use_keys(void) { return syscall(SYS_keyctl, 0, -3, 1) >= 0; }
static bool become_nobody(void) { return setresuid(65534, 65534, 65534) == 0; }

#define SERVICE   (1U << SANDBOX_SERVICE)
#define QUEUE     (1U << SANDBOX_QUEUE)
#define NETWORK   (1U << SANDBOX_NETWORK)
#define ACCEPT    (1U << SANDBOX_ACCEPT)
#define NAMED     (1U << SANDBOX_NAMED)
#define TABLES    (1U << SANDBOX_TABLES)
#define STORE     (1U << SANDBOX_STORE)
#define COMMANDS  (1U << SANDBOX_COMMANDS)
#define NETWORKED (NETWORK | ACCEPT | NAMED)
#define ALL       (SERVICE | QUEUE | NETWORKED | TABLES | STORE | COMMANDS)
#define ANY_PATH  (TABLES | STORE | COMMANDS)

#define ATTEMPT(name) #name, name

/* The groups that may; all others are refused, and killed where nobody has an honest reason to try. */
static const struct attempt {
    const char *name;
    bool (*act)(void);
    unsigned may;
    unsigned killed;
} attempts[] = {
    { ATTEMPT(read_shut), ANY_PATH, 0 },
    { ATTEMPT(write_shut), ANY_PATH, 0 },
    { ATTEMPT(read_passwords), ANY_PATH, 0 },
    { ATTEMPT(write_passwords), ANY_PATH, 0 },
    { ATTEMPT(read_fill), ALL, 0 },
    { ATTEMPT(write_fill), ALL, 0 },
    { ATTEMPT(make_in_fill), ANY_PATH, 0 },
    { ATTEMPT(remove_in_fill), ANY_PATH, 0 },
    { ATTEMPT(make_in_keep), ALL, 0 },
    { ATTEMPT(remove_in_keep), QUEUE | ANY_PATH, 0 },
    { ATTEMPT(remove_shut), ANY_PATH, 0 },
    { ATTEMPT(rename_to_shut), ANY_PATH, 0 },
    { ATTEMPT(rename_from_shut), ANY_PATH, 0 },
    { ATTEMPT(open_modes), COMMANDS, 0 },
    { ATTEMPT(open_modes_at), COMMANDS, 0 },
    { ATTEMPT(give_away), COMMANDS, 0 },
    { ATTEMPT(cut_by_name), COMMANDS, 0 },
    { ATTEMPT(cut_log), QUEUE | ANY_PATH, 0 },
    { ATTEMPT(punch_log), COMMANDS, 0 },
    { ATTEMPT(age_by_name), COMMANDS, 0 },
    { ATTEMPT(link_file), COMMANDS, 0 },
    { ATTEMPT(link_symbolic), COMMANDS, 0 },
    { ATTEMPT(make_fifo), COMMANDS, 0 },
    { ATTEMPT(bind_in_keep), ANY_PATH, 0 },
    { ATTEMPT(bind_abstract), NAMED | ANY_PATH, 0 },
    { ATTEMPT(read_own_memory), ANY_PATH, 0 },
    { ATTEMPT(read_victims_memory), ANY_PATH, 0 },
    { ATTEMPT(kill_victim), COMMANDS, 0 },
    { ATTEMPT(signal_victim), COMMANDS, 0 },
    { ATTEMPT(signal_self), ALL, 0 },
    { ATTEMPT(own_victim), COMMANDS, 0 },
    { ATTEMPT(lease_log), 0, 0 },
    { ATTEMPT(limit_victim), COMMANDS, 0 },
    { ATTEMPT(read_own_limit), ALL, 0 },
    { ATTEMPT(use_tcp), NETWORKED | ANY_PATH, 0 },
    { ATTEMPT(use_udp), NETWORKED | ANY_PATH, 0 },
    { ATTEMPT(use_icmp), COMMANDS, 0 },
    { ATTEMPT(use_packets), COMMANDS, 0 },
    { ATTEMPT(use_route), NETWORKED | ANY_PATH, 0 },
    { ATTEMPT(use_netfilter), COMMANDS, 0 },
    { ATTEMPT(use_vsock), COMMANDS, 0 },
    { ATTEMPT(use_named), NAMED | ANY_PATH, 0 },
    { ATTEMPT(use_pair), ALL, 0 },
    { ATTEMPT(use_multipath), COMMANDS, 0 },
    { ATTEMPT(use_packets_in_order), COMMANDS, 0 },
    { ATTEMPT(connect_to_name_server), NETWORKED | ANY_PATH, 0 },
    { ATTEMPT(connect_to_mail_server), NETWORK | NAMED | ANY_PATH, 0 },
    { ATTEMPT(serve_others), COMMANDS, 0 },
    { ATTEMPT(limit_waits), ALL, 0 },
    { ATTEMPT(share_port), ANY_PATH, 0 },
    { ATTEMPT(filter_socket), ANY_PATH, 0 },
    { ATTEMPT(change_protocol), ANY_PATH, 0 },
    { ATTEMPT(overwrite_log), ANY_PATH, 0 },
    { ATTEMPT(block_others), ANY_PATH, 0 },
    { ATTEMPT(write_and_run), COMMANDS, 0 },
    { ATTEMPT(write_then_run), COMMANDS, 0 },
    { ATTEMPT(map_memory), ALL, 0 },
    { ATTEMPT(make_memory_file), COMMANDS, 0 },
    { ATTEMPT(stop_listening), COMMANDS, 0 },
    { ATTEMPT(type_for_others), 0, 0 },
    { ATTEMPT(type_with_a_high_bit), 0, 0 },
    { ATTEMPT(run_program), COMMANDS, ALL & ~COMMANDS },
    { ATTEMPT(fork_child), COMMANDS, 0 },
    { ATTEMPT(trace_victim), COMMANDS, ALL & ~COMMANDS },
    { ATTEMPT(mount_something), COMMANDS, ALL & ~COMMANDS },
    { ATTEMPT(leave_namespaces), COMMANDS, ALL & ~COMMANDS },
    { ATTEMPT(change_root), COMMANDS, ALL & ~COMMANDS },
    { ATTEMPT(load_bpf), 0, ALL & ~COMMANDS },
    { ATTEMPT(watch_events), 0, ALL & ~COMMANDS },
    { ATTEMPT(fault_pages), 0, ALL & ~COMMANDS },
    { ATTEMPT(use_uring), 0, ALL & ~COMMANDS },
    { ATTEMPT(use_keys), COMMANDS, ALL & ~COMMANDS },
    { ATTEMPT(become_nobody), STORE | COMMANDS, 0 },
};

/* ---- the stage ---- */

static char stage[] = "/tmp/relevo-sandbox-XXXXXX";

static void write_text(const char *path)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);

    assert_int_equal(write(fd, TEXT_FILE, sizeof TEXT_FILE - 1), sizeof TEXT_FILE - 1);
    close(fd);
}

static int set_up(void **state)
{
    (void)state;
    if (mkdtemp(stage) == NULL || chdir(stage) != 0)
        return 1;
    have.directory = open(".", O_PATH | O_DIRECTORY | O_CLOEXEC);
    have.socket = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if ((have.victim = fork()) == 0) {
        (void)prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
        for (;;)
            (void)pause();
    }
    return have.victim < 0;
}

static int remove_one(const char *path, const struct stat *st, int kind, struct FTW *where)
{
    (void)st;
    (void)kind;
    (void)where;
    return remove(path);
}

static void remove_tree(const char *path) { (void)nftw(path, remove_one, 8, FTW_DEPTH | FTW_PHYS); }

static int tear_down(void **state)
{
    (void)state;
    (void)kill(have.victim, SIGKILL);
    (void)waitpid(have.victim, NULL, 0);
    remove_tree(stage);
    return 0;
}

static void furnish(void)
{
    static const char *const dirs[] = { "shut", "fill", "keep" };

    for (size_t i = 0; i < ARRAY_LEN(dirs); i++) {
        char path[32];
        remove_tree(dirs[i]);
        assert_int_equal(mkdir(dirs[i], 0700), 0);
        (void)snprintf(path, sizeof path, "%s/file", dirs[i]);
        write_text(path);
    }
    write_text("log");
    have.log = open("log", O_WRONLY | O_APPEND | O_CLOEXEC);
}

static int make(const struct attempt *a, enum sandbox_group group)
{
    struct sandbox_rules rules = { .group = group,
                                   .paths = (1U << group) & ANY_PATH ? NULL : paths,
                                   .ports = (const uint16_t[]){ 53, 0 } };
    const char *reason = NULL;
    int status;
    pid_t pid;

    furnish();
    if ((pid = fork()) == 0) {
        /* Only a mount namespace of its own keeps the attempts that work from the system that runs the test. */
        if (syscall(SYS_unshare, 0x00020000) != 0 ||
            mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0 ||
            !sandbox_enter(&rules, sandbox_open_paths(&rules, NULL), &reason))
            _exit(70);
        _exit(a->act() ? DONE : REFUSED);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    close(have.log);
    if (WIFSIGNALED(status))
        return KILLED;
    /* /bin/true took the place of the child */
    return a->act == run_program && WEXITSTATUS(status) == 0 ? DONE : WEXITSTATUS(status);
}

static void each_group_can_do_what_it_needs_and_no_more(void **state)
{
    unsigned wrong = 0;

    (void)state;
    for (unsigned group = SANDBOX_SERVICE; group <= SANDBOX_COMMANDS; group++) {
        unsigned bit = 1U << group;
        for (size_t i = 0; i < ARRAY_LEN(attempts); i++) {
            const struct attempt *a = &attempts[i];
            int wanted = a->may & bit ? DONE : a->killed & bit ? KILLED : REFUSED;
            int got = make(a, (enum sandbox_group)group);
            if (got == 70)
                skip();
            if (got == wanted)
                continue;
            print_error("group %u: %s: %d, not %d\n", group, a->name, got, wanted);
            wrong++;
        }
    }
    assert_int_equal(wrong, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_group_can_do_what_it_needs_and_no_more),
    };

    if (geteuid() != 0) {
        print_message("needs root\n");
        return 0;
    }
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
