#include "os/sandbox.h"

#include "base/mem.h"
#include "os/fd.h"
#include "os/sandbox/landlock.h"
#include "os/sandbox/self.h"

#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Made at build time from the lists: see gen.c. */
#include "sandbox_filters.h"

struct program {
    const struct sock_filter *code;
    size_t count;
};

#define PROGRAM(array)          \
    {                           \
        array, ARRAY_LEN(array) \
    }

struct jail {
    struct program programs[2]; /* indexed by log_only */
    bool any_path;              /* no Landlock */
    bool any_program;           /* set-uid commands, which no_new_privs would break */
    enum landlock_network network;
};

static const struct jail jails[] = {
    [SANDBOX_SERVICE] = { { PROGRAM(service_filter), PROGRAM(service_filter_log) },
                          .network = LANDLOCK_NO_TCP },
    [SANDBOX_QUEUE] = { { PROGRAM(queue_filter), PROGRAM(queue_filter_log) },
                        .network = LANDLOCK_NO_TCP },
    [SANDBOX_NETWORK] = { { PROGRAM(network_filter), PROGRAM(network_filter_log) },
                          .network = LANDLOCK_TCP },
    [SANDBOX_ACCEPT] = { { PROGRAM(network_filter), PROGRAM(network_filter_log) },
                         .network = LANDLOCK_PORTS },
    [SANDBOX_NAMED] = { { PROGRAM(named_filter), PROGRAM(named_filter_log) },
                        .network = LANDLOCK_TCP },
    [SANDBOX_TABLES] = { { PROGRAM(tables_filter), PROGRAM(tables_filter_log) }, .any_path = true },
    [SANDBOX_STORE] = { { PROGRAM(store_filter), PROGRAM(store_filter_log) }, .any_path = true },
    [SANDBOX_COMMANDS] = { { PROGRAM(commands_filter), PROGRAM(commands_filter_log) },
                           .any_path = true,
                           .any_program = true },
};

/* The program with our process id where it says SANDBOX_SELF. */
static struct sock_filter *copy_for_us(const struct program *p)
{
    struct sock_filter *code = mem_alloc(p->count * sizeof *code);

    memcpy(code, p->code, p->count * sizeof *code);
    for (size_t i = 0; i < p->count; i++)
        if (code[i].code == (BPF_JMP | BPF_JEQ | BPF_K) && code[i].k == SANDBOX_SELF)
            code[i].k = (uint32_t)getpid();
    return code;
}

static bool load_filter(const struct program *p)
{
    struct sock_filter *code = copy_for_us(p);
    struct sock_fprog prog = { .len = (unsigned short)p->count, .filter = code };

    /* SPEC_ALLOW: older kernels otherwise switch on a costly CPU mitigation that is meant for processes
     * which run code of strangers. */
    bool ok =
        syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_SPEC_ALLOW, &prog) == 0 ||
        (errno == EINVAL && syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &prog) == 0);
    free(code);
    return ok;
}

static bool limits_paths(const struct sandbox_rules *rules)
{
    return !jails[rules->group].any_path && !rules->log_only;
}

int sandbox_open_paths(const struct sandbox_rules *rules, const char *root)
{
    static const struct sandbox_path none[] = { { NULL, SANDBOX_READ } };

    return limits_paths(rules) ? landlock_open(root, rules->paths ? rules->paths : none,
                                               jails[rules->group].network, rules->ports)
                               : -1;
}

bool sandbox_enter(const struct sandbox_rules *rules, int paths, const char **reason)
{
    const struct jail *jail = &jails[rules->group];
    bool complete = true;

    (void)prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
    if (!jail->any_program && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) {
        *reason = "no_new_privs is not available";
        return false;
    }
    if (limits_paths(rules) && !landlock_enter(paths)) {
        *reason = "Landlock is not available";
        complete = false;
    }
    fd_close(&paths);
    if (!load_filter(&jail->programs[rules->log_only])) {
        *reason = "seccomp is not available";
        complete = false;
    }
    return complete;
}
