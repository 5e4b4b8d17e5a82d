#include "os/privilege.h"

#include "base/log.h"

#include <errno.h>
#include <grp.h>
#include <linux/capability.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

/* The bounding set can only be emptied while we still have CAP_SETPCAP.  In a container that never had it
 * there is nothing to empty. */
static void drop_bounding_set(void)
{
    for (unsigned long cap = 0; cap <= CAP_LAST_CAP; cap++)
        (void)prctl(PR_CAPBSET_DROP, cap, 0, 0, 0);
}

static void drop_capabilities(void)
{
    struct __user_cap_header_struct head = { .version = _LINUX_CAPABILITY_VERSION_3 };
    struct __user_cap_data_struct none[_LINUX_CAPABILITY_U32S_3];

    memset(none, 0, sizeof none);
    (void)prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
    if (syscall(SYS_capset, &head, none) != 0)
        log_fatal("capset: %s", strerror(errno));
}

void privilege_drop(const char *user, uid_t uid, gid_t gid)
{
    if (uid == 0)
        log_fatal("refusing to drop privileges to %s: that is root", user);
    drop_bounding_set();
    if (setgroups(0, NULL) != 0)
        log_fatal("setgroups: %s", strerror(errno));
    if (setresgid(gid, gid, gid) != 0)
        log_fatal("setgid(%ld): %s", (long)gid, strerror(errno));
    if (setresuid(uid, uid, uid) != 0)
        log_fatal("setuid(%ld): %s", (long)uid, strerror(errno));
    drop_capabilities();
    if (setuid(0) == 0)
        log_fatal("privileges of root could be taken back after becoming %s", user);
}

void privilege_chroot(const char *dir)
{
    if (chroot(dir) != 0)
        log_fatal("chroot(%s): %s", dir, strerror(errno));
    if (chdir("/") != 0)
        log_fatal("chdir(/): %s", strerror(errno));
}

void privilege_become(uid_t uid, gid_t gid)
{
    if (geteuid() != 0 && seteuid(0) != 0)
        log_fatal("seteuid(0): %s", strerror(errno));
    if (setegid(gid) != 0)
        log_fatal("setegid(%ld): %s", (long)gid, strerror(errno));
    if (setgroups(1, &gid) != 0)
        log_fatal("setgroups: %s", strerror(errno));
    if (seteuid(uid) != 0)
        log_fatal("seteuid(%ld): %s", (long)uid, strerror(errno));
}

void privilege_restore(uid_t uid, gid_t gid) { privilege_become(uid, gid); }
