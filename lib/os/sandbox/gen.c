/* Build-time generator: turns a list of system calls into a BPF program as a C array.
 *
 *   gen NAME LIST...   writes `static const struct sock_filter NAME[]` and `NAME_log[]` to stdout
 *
 * A line is one of
 *   default errno | allow          what happens to calls that are not listed (errno: EPERM)
 *   CALL                           the other thing: allowed, or refused with EPERM
 *   CALL ARG VALUE [ARG VALUE]...  the same if argument number ARG equals VALUE (name or number) in its lower 32 bits,
 *                                  which is all that the kernel looks at; VALUE/MASK looks at those bits only; NULL
 *                                  is a pointer
 *   kill CALL                      ends the process: nothing here ever has a reason to try
 *   nosys CALL                     refused with ENOSYS, for calls that libraries have a substitute for
 * Calls that this architecture does not have are skipped.  SELF is the process that loads the program
 * (sandbox/self.h).
 *
 * A list that allows by default is inherited by programs that we know nothing of, so it covers the
 * machine's other sets of system calls too (32-bit programs). */
#include "os/sandbox/self.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <seccomp.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <termios.h>
#include <unistd.h>

#define PR_SET_VMA_ 0x53564d41
#define PAIRS_MAX   3

static const struct {
    const char *name;
    unsigned long value;
} values[] = {
#define VALUE(name)                  \
    {                                \
#name, (unsigned long)(name) \
    }
    VALUE(AF_UNIX),
    VALUE(AF_INET),
    VALUE(AF_INET6),
    VALUE(AF_NETLINK),
    VALUE(SOCK_STREAM),
    VALUE(SOCK_DGRAM),
    VALUE(SOCK_RAW),
    { "SOCK_TYPE_MASK", 0xf },
    VALUE(IPPROTO_IP),
    VALUE(IPPROTO_IPV6),
    VALUE(IPPROTO_TCP),
    VALUE(IPPROTO_UDP),
    VALUE(SOL_SOCKET),
    VALUE(SO_RCVTIMEO),
    VALUE(SO_SNDTIMEO),
    VALUE(SO_RCVTIMEO_NEW),
    VALUE(SO_SNDTIMEO_NEW),
    VALUE(SO_RCVBUF),
    VALUE(SO_SNDBUF),
    VALUE(TCP_NODELAY),
    VALUE(IP_RECVERR),
    VALUE(IPV6_RECVERR),
    VALUE(PROT_WRITE),
    VALUE(PROT_EXEC),
    { "WRITE_EXEC", PROT_WRITE | PROT_EXEC },
    VALUE(FIONREAD),
    VALUE(FIONBIO),
    VALUE(TCGETS),
    VALUE(TIOCSTI),
    VALUE(TIOCLINUX),
    VALUE(PR_SET_NAME),
    { "PR_SET_VMA", PR_SET_VMA_ },
    { "SELF", SANDBOX_SELF },
    VALUE(F_DUPFD),
    VALUE(F_DUPFD_CLOEXEC),
    VALUE(F_GETFD),
    VALUE(F_SETFD),
    VALUE(F_GETFL),
    VALUE(F_SETFL),
    VALUE(F_GETLK),
    VALUE(F_SETLK),
    VALUE(F_SETLKW),
    VALUE(F_OFD_GETLK),
    VALUE(F_OFD_SETLK),
    VALUE(F_OFD_SETLKW),
#undef VALUE
};

static void die(const char *file, int line, const char *text)
{
    (void)fprintf(stderr, "%s:%d: %s\n", file, line, text);
    exit(1);
}

static unsigned long value_of(const char *text, const char *file, int line)
{
    char *end;

    for (size_t i = 0; i < sizeof values / sizeof values[0]; i++)
        if (strcmp(values[i].name, text) == 0)
            return values[i].value;
    unsigned long n = strtoul(text, &end, 0);
    if (*text == '\0' || *end != '\0')
        die(file, line, "unknown value");
    return n;
}

#define LOWER_HALF 0xffffffffUL

/* "VALUE" or "VALUE/MASK" of one argument. */
static struct scmp_arg_cmp comparison(unsigned number, char *text, const char *file, int line)
{
    char *mask = strchr(text, '/');

    if (strcmp(text, "NULL") == 0)
        return (struct scmp_arg_cmp){ number, SCMP_CMP_EQ, 0, 0 };
    if (mask)
        *mask++ = '\0';
    return (struct scmp_arg_cmp){ number, SCMP_CMP_MASKED_EQ,
                                  mask ? value_of(mask, file, line) : LOWER_HALF,
                                  value_of(text, file, line) & LOWER_HALF };
}

struct filter {
    scmp_filter_ctx ctx;
    bool log; /* refused calls go through and are logged */
    bool allow_by_default;
};

static uint32_t soften(const struct filter *f, uint32_t action)
{
    return f->log ? SCMP_ACT_LOG : action;
}

/* `pairs` are argument numbers and values, `count` of them. */
static void add(struct filter *f, const char *call, uint32_t action, char *const *pairs,
                unsigned count, const char *file, int line)
{
    struct scmp_arg_cmp equal[PAIRS_MAX];
    int number = seccomp_syscall_resolve_name(call);

    if (number == __NR_SCMP_ERROR)
        die(file, line, "unknown system call");
    if (number < 0 && !f->allow_by_default)
        return; /* another architecture's */
    for (size_t i = 0; i < count; i++)
        equal[i] =
            comparison((unsigned)value_of(pairs[2 * i], file, line), pairs[2 * i + 1], file, line);
    int rc = seccomp_rule_add_array(f->ctx, action, number, count, equal);
    /* The log variant's default is what a kill rule is softened to: nothing to add then. */
    if (rc != 0 && rc != -EACCES)
        die(file, line, "rule refused by libseccomp");
}

static void add_other_abis(struct filter *f)
{
    static const struct {
        uint32_t native, other;
    } abis[] = { { SCMP_ARCH_X86_64, SCMP_ARCH_X86 },
                 { SCMP_ARCH_X86_64, SCMP_ARCH_X32 },
                 { SCMP_ARCH_AARCH64, SCMP_ARCH_ARM } };

    for (size_t i = 0; i < sizeof abis / sizeof abis[0]; i++)
        if (abis[i].native == seccomp_arch_native() && seccomp_arch_add(f->ctx, abis[i].other) != 0)
            die("gen", 0, "seccomp_arch_add failed");
}

static void set_default(struct filter *f, const char *what)
{
    f->allow_by_default = strcmp(what, "allow") == 0;
    uint32_t action = f->allow_by_default ? SCMP_ACT_ALLOW : soften(f, SCMP_ACT_ERRNO(EPERM));
    f->ctx = seccomp_init(action);
    if (f->ctx == NULL)
        die("gen", 0, "seccomp_init failed");
    if (f->allow_by_default)
        add_other_abis(f);
    (void)seccomp_attr_set(f->ctx, SCMP_FLTATR_CTL_OPTIMIZE, 2);
}

/* The action of a line that names a call and no more. */
static uint32_t plain_action(const struct filter *f)
{
    return f->allow_by_default ? soften(f, SCMP_ACT_ERRNO(EPERM)) : SCMP_ACT_ALLOW;
}

static void take_line(struct filter *f, char *text, const char *file, int line)
{
    char *word[2 + 2 * PAIRS_MAX];
    unsigned n = 0;

    for (char *w = strtok(text, " \t\n"); w && *w != '#' && n < sizeof word / sizeof word[0];
         w = strtok(NULL, " \t\n"))
        word[n++] = w;
    if (n == 0)
        return;
    if (strcmp(word[0], "default") == 0 && n == 2)
        set_default(f, word[1]);
    else if (strcmp(word[0], "kill") == 0 && n == 2)
        add(f, word[1], soften(f, SCMP_ACT_KILL_PROCESS), NULL, 0, file, line);
    else if (strcmp(word[0], "nosys") == 0 && n == 2)
        add(f, word[1], SCMP_ACT_ERRNO(ENOSYS), NULL, 0, file, line);
    else if (n % 2 == 1 && n / 2 <= PAIRS_MAX)
        add(f, word[0], plain_action(f), word + 1, n / 2, file, line);
    else
        die(file, line, "bad line");
}

static void take_file(struct filter *f, const char *path)
{
    char text[256];
    int line = 0;
    FILE *in = fopen(path, "r");

    if (in == NULL)
        die(path, 0, "cannot open");
    while (fgets(text, sizeof text, in))
        take_line(f, text, path, ++line);
    (void)fclose(in);
}

static void print_program(const struct filter *f, const char *name)
{
    struct sock_filter one;
    int fd = memfd_create("bpf", 0);

    if (fd < 0 || seccomp_export_bpf(f->ctx, fd) != 0 || lseek(fd, 0, SEEK_SET) != 0)
        die("gen", 0, "seccomp_export_bpf failed");
    printf("static const struct sock_filter %s%s[] = {\n", name, f->log ? "_log" : "");
    while (read(fd, &one, sizeof one) == (ssize_t)sizeof one)
        printf("    { 0x%02x, %u, %u, 0x%08x },\n", one.code, one.jt, one.jf, one.k);
    printf("};\n");
    close(fd);
}

int main(int argc, char **argv)
{
    if (argc < 3)
        die("gen", 0, "usage: gen NAME LIST...");
    for (int log = 0; log <= 1; log++) {
        struct filter f = { .log = log };
        for (int i = 2; i < argc; i++)
            take_file(&f, argv[i]);
        print_program(&f, argv[1]);
        seccomp_release(f.ctx);
    }
    return 0;
}
