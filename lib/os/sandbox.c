#include "os/sandbox.h"

#include "base/mem.h"
#include "os/fd.h"
#include "os/sandbox/landlock.h"

#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
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

/* Indexed by group, then by log_only. */
static const struct program programs[][2] = {
    [SANDBOX_NONE] = { { NULL, 0 }, { NULL, 0 } },
    [SANDBOX_SERVICE] = { PROGRAM(service_filter), PROGRAM(service_filter_log) },
    [SANDBOX_NETWORK] = { PROGRAM(network_filter), PROGRAM(network_filter_log) },
    [SANDBOX_ACCEPT] = { PROGRAM(network_filter), PROGRAM(network_filter_log) },
    [SANDBOX_ROOT_AGENT] = { PROGRAM(agent_filter), PROGRAM(agent_filter_log) },
};

static bool load_filter(const struct program *p)
{
    struct sock_fprog prog;

    if (p->code == NULL)
        return true;
    memset(&prog, 0, sizeof prog);
    prog.len = (unsigned short)p->count;
    prog.filter = mem_unconst(p->code); /* the kernel only reads it */
    /* SPEC_ALLOW: older kernels otherwise switch on a costly CPU mitigation that is meant for processes
     * which run code of strangers. */
    return syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_SPEC_ALLOW, &prog) ==
               0 ||
           (errno == EINVAL && syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &prog) == 0);
}

/* Agents start set-uid commands for their users, which no_new_privs would break. */
static bool is_agent(enum sandbox_group group)
{
    return group == SANDBOX_NONE || group == SANDBOX_ROOT_AGENT;
}

static enum landlock_network network_rule(enum sandbox_group group)
{
    switch (group) {
    case SANDBOX_SERVICE:
        return LANDLOCK_NO_TCP;
    case SANDBOX_ACCEPT:
        return LANDLOCK_NO_TCP_BIND;
    default:
        return LANDLOCK_TCP;
    }
}

bool sandbox_enter(const struct sandbox_rules *rules, const char **reason)
{
    bool complete = true;

    if (rules->group == SANDBOX_NONE)
        return true;
    (void)prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
    if (!is_agent(rules->group)) {
        if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) {
            *reason = "no_new_privs is not available";
            return false;
        }
        if (rules->paths && !rules->log_only &&
            !landlock_confine(rules->paths, network_rule(rules->group))) {
            *reason = "Landlock is not available";
            complete = false;
        }
    }
    if (!load_filter(&programs[rules->group][rules->log_only])) {
        *reason = "seccomp is not available";
        complete = false;
    }
    return complete;
}
