/* Landlock by system call: libc has no wrappers, and the header of the build host may be older than the
 * kernel that runs this, so the numbers are here. */
#include "os/sandbox/landlock.h"

#include "os/fd.h"

#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#ifndef SYS_landlock_create_ruleset
#define SYS_landlock_create_ruleset 444
#define SYS_landlock_add_rule       445
#define SYS_landlock_restrict_self  446
#endif

#define CREATE_RULESET_VERSION 1u
#define RULE_PATH_BENEATH      1
#define RULE_NET_PORT          2

#define FS(bit)         (UINT64_C(1) << (bit))
#define FS_EXECUTE      FS(0)
#define FS_WRITE_FILE   FS(1)
#define FS_READ_FILE    FS(2)
#define FS_READ_DIR     FS(3)
#define FS_REMOVE_DIR   FS(4)
#define FS_REMOVE_FILE  FS(5)
#define FS_MAKE_CHAR    FS(6)
#define FS_MAKE_DIR     FS(7)
#define FS_MAKE_REG     FS(8)
#define FS_MAKE_SOCK    FS(9)
#define FS_MAKE_FIFO    FS(10)
#define FS_MAKE_BLOCK   FS(11)
#define FS_MAKE_SYM     FS(12)
#define FS_REFER        FS(13)      /* version 2 */
#define FS_TRUNCATE     FS(14)      /* version 3 */
#define FS_IOCTL_DEV    FS(15)      /* version 5 */
#define NET_BIND_TCP    UINT64_C(1) /* version 4 */
#define NET_CONNECT_TCP UINT64_C(2)
#define SCOPE_ABSTRACT  UINT64_C(1) /* version 6 */
#define SCOPE_SIGNAL    UINT64_C(2)

#define FS_OF_FILES (FS_EXECUTE | FS_WRITE_FILE | FS_READ_FILE | FS_TRUNCATE | FS_IOCTL_DEV)
#define FS_READING  (FS_READ_FILE | FS_READ_DIR)
#define FS_WRITING  (FS_READING | FS_WRITE_FILE | FS_TRUNCATE)
#define FS_CHANGING \
    (FS_WRITING | FS_REMOVE_DIR | FS_REMOVE_FILE | FS_MAKE_DIR | FS_MAKE_REG | FS_REFER)

static const uint64_t rights_of[] = {
    [SANDBOX_READ] = FS_READING,
    [SANDBOX_WRITE] = FS_WRITING,
    [SANDBOX_CHANGE] = FS_CHANGING,
};

struct ruleset_attr {
    uint64_t handled_fs;
    uint64_t handled_net;
    uint64_t scoped;
};

struct path_attr {
    uint64_t allowed;
    int32_t parent_fd;
} __attribute__((packed));

struct port_attr {
    uint64_t allowed;
    uint64_t port;
};

/* Which part of the attributes a kernel of each version knows. */
static size_t attr_size(int version)
{
    return version >= 6   ? sizeof(struct ruleset_attr)
           : version >= 4 ? 2 * sizeof(uint64_t)
                          : sizeof(uint64_t);
}

static uint64_t known_fs(int version)
{
    static const int bits_of_version[] = { 0, 13, 14, 15, 15, 16 };
    int last = (int)ARRAY_LEN(bits_of_version) - 1;

    return FS(bits_of_version[MIN(version, last)]) - 1;
}

static uint64_t refused_network(int version, enum landlock_network network)
{
    return version < 4 || network == LANDLOCK_TCP ? 0 : NET_BIND_TCP | NET_CONNECT_TCP;
}

/* What libc, resolvers and libraries that are loaded late read.  No secrets are in here. */
static const struct sandbox_path common[] = {
    { "/usr", SANDBOX_READ },
    { "/lib", SANDBOX_READ },
    { "/lib64", SANDBOX_READ },
    { "/etc/resolv.conf", SANDBOX_READ },
    { "/run/systemd/resolve", SANDBOX_READ },
    { "/etc/hosts", SANDBOX_READ },
    { "/etc/nsswitch.conf", SANDBOX_READ },
    { "/etc/services", SANDBOX_READ },
    { "/etc/localtime", SANDBOX_READ },
    { "/etc/gai.conf", SANDBOX_READ },
    { "/etc/ld.so.cache", SANDBOX_READ },
    { "/etc/ssl", SANDBOX_READ },
    { "/dev/null", SANDBOX_WRITE },
    { "/dev/urandom", SANDBOX_READ },
    { "/dev/random", SANDBOX_READ },
    { NULL, SANDBOX_READ },
};

/* As it will be found after chroot(2) to `root`; -1: that is our own. */
static int open_below(int root, const char *path)
{
    struct open_how how = { .flags = O_PATH | O_CLOEXEC, .resolve = RESOLVE_IN_ROOT };

    return root < 0 ? open(path, O_PATH | O_CLOEXEC)
                    : (int)syscall(SYS_openat2, root, path, &how, sizeof how);
}

static bool add_path(int ruleset, int root, const struct sandbox_path *p, uint64_t known)
{
    struct stat st;
    FD_AUTO(fd, open_below(root, p->path));

    if (fd < 0 || fstat(fd, &st) != 0)
        return true; /* not there: nothing to allow */
    uint64_t allowed = rights_of[p->access] & known;
    struct path_attr rule = { S_ISDIR(st.st_mode) ? allowed : allowed & FS_OF_FILES, fd };
    return syscall(SYS_landlock_add_rule, ruleset, RULE_PATH_BENEATH, &rule, 0) == 0;
}

static bool add_paths(int ruleset, int root, const struct sandbox_path *paths, uint64_t known)
{
    for (; paths->path; paths++)
        if (!add_path(ruleset, root, paths, known))
            return false;
    return true;
}

static bool add_ports(int ruleset, const uint16_t *ports, uint64_t refused)
{
    for (; ports && *ports && refused; ports++) {
        struct port_attr rule = { NET_CONNECT_TCP, *ports };
        if (syscall(SYS_landlock_add_rule, ruleset, RULE_NET_PORT, &rule, 0) != 0)
            return false;
    }
    return true;
}

int landlock_open(const char *root, const struct sandbox_path *paths, enum landlock_network network,
                  const uint16_t *ports)
{
    int version = (int)syscall(SYS_landlock_create_ruleset, NULL, 0, CREATE_RULESET_VERSION);

    if (version < 1)
        return -1;
    uint64_t known = known_fs(version);
    struct ruleset_attr attr = { known, refused_network(version, network),
                                 version >= 6 ? SCOPE_ABSTRACT | SCOPE_SIGNAL : 0 };
    FD_AUTO(below, root ? open(root, O_PATH | O_CLOEXEC | O_DIRECTORY) : -1);
    int ruleset = (int)syscall(SYS_landlock_create_ruleset, &attr, attr_size(version), 0);

    if ((root && below < 0) || ruleset < 0 || !add_paths(ruleset, below, common, known) ||
        !add_paths(ruleset, below, paths, known) ||
        !add_ports(ruleset, network == LANDLOCK_PORTS ? ports : NULL, attr.handled_net))
        fd_close(&ruleset);
    return ruleset;
}

bool landlock_enter(int ruleset) { return syscall(SYS_landlock_restrict_self, ruleset, 0) == 0; }
