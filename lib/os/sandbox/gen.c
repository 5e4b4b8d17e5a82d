/* Build-time generator: turns a list of system calls into a BPF program as a C array.
 *
 *   gen NAME LIST...   writes `static const struct sock_filter NAME[]` and `NAME_log[]` to stdout
 *
 * A line is one of
 *   default errno | allow          what happens to calls that are not listed (errno: EPERM)
 *   CALL                           the other thing: allowed, or refused with EPERM
 *   CALL ARG VALUE                 allowed when argument number ARG equals VALUE (name or number)
 *   kill CALL                      ends the process: nothing here ever has a reason to try
 *   nosys CALL                     refused with ENOSYS, for calls that libraries have a substitute for
 * Calls that this architecture does not have are skipped. */
#include <ctype.h>
#include <errno.h>
#include <linux/filter.h>
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

static const struct {
    const char *name;
    unsigned long value;
} values[] = {
    { "AF_UNIX", AF_UNIX },       { "AF_INET", AF_INET },         { "AF_INET6", AF_INET6 },
    { "AF_NETLINK", AF_NETLINK }, { "FIONREAD", FIONREAD },       { "FIONBIO", FIONBIO },
    { "TCGETS", TCGETS },         { "PR_SET_NAME", PR_SET_NAME }, { "PR_SET_VMA", PR_SET_VMA_ },
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

struct filter {
    scmp_filter_ctx ctx;
    bool log; /* refused calls go through and are logged */
    bool allow_by_default;
};

static uint32_t soften(const struct filter *f, uint32_t action)
{
    return f->log ? SCMP_ACT_LOG : action;
}

static void add(struct filter *f, const char *call, uint32_t action, int arg, unsigned long value,
                const char *file, int line)
{
    int number = seccomp_syscall_resolve_name(call);
    int rc;

    if (number == __NR_SCMP_ERROR)
        die(file, line, "unknown system call");
    if (number < 0)
        return; /* another architecture's */
    if (arg < 0) {
        rc = seccomp_rule_add(f->ctx, action, number, 0);
    } else {
        struct scmp_arg_cmp equal = { (unsigned)arg, SCMP_CMP_EQ, value, 0 };
        rc = seccomp_rule_add_array(f->ctx, action, number, 1, &equal);
    }
    /* The log variant's default is what a kill rule is softened to: nothing to add then. */
    if (rc != 0 && rc != -EACCES)
        die(file, line, "rule refused by libseccomp");
}

static void set_default(struct filter *f, const char *what)
{
    f->allow_by_default = strcmp(what, "allow") == 0;
    uint32_t action = f->allow_by_default ? SCMP_ACT_ALLOW : soften(f, SCMP_ACT_ERRNO(EPERM));
    f->ctx = seccomp_init(action);
    if (f->ctx == NULL)
        die("gen", 0, "seccomp_init failed");
    (void)seccomp_attr_set(f->ctx, SCMP_FLTATR_CTL_OPTIMIZE, 2);
}

static void take_line(struct filter *f, char *text, const char *file, int line)
{
    char *word[3] = { NULL, NULL, NULL };
    int n = 0;

    for (char *w = strtok(text, " \t\n"); w && *w != '#' && n < 3; w = strtok(NULL, " \t\n"))
        word[n++] = w;
    if (n == 0)
        return;
    if (strcmp(word[0], "default") == 0 && n == 2)
        set_default(f, word[1]);
    else if (strcmp(word[0], "kill") == 0 && n == 2)
        add(f, word[1], soften(f, SCMP_ACT_KILL_PROCESS), -1, 0, file, line);
    else if (strcmp(word[0], "nosys") == 0 && n == 2)
        add(f, word[1], SCMP_ACT_ERRNO(ENOSYS), -1, 0, file, line);
    else if (n == 3)
        add(f, word[0], SCMP_ACT_ALLOW, (int)value_of(word[1], file, line),
            value_of(word[2], file, line), file, line);
    else if (n == 1)
        add(f, word[0], f->allow_by_default ? soften(f, SCMP_ACT_ERRNO(EPERM)) : SCMP_ACT_ALLOW, -1,
            0, file, line);
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
