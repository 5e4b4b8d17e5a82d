#include "os/privilege.h"

#include "base/log.h"
#include "os/orphan.h"

#include <errno.h>
#include <grp.h>
#include <linux/capability.h>
#include <stdint.h>
#include <string.h>
#include <sys/fsuid.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#define CAPABILITY(cap) (UINT64_C(1) << (cap))

/* virtual(8) opens queue files of the mail owner and becomes the owner of a mailbox. */
static const uint64_t kept_by_store =
    CAPABILITY(CAP_SETUID) | CAPABILITY(CAP_SETGID) | CAPABILITY(CAP_DAC_OVERRIDE);

/* What is kept is also what set-uid programs get that a command starts, so only the kernel itself is
 * out of reach for all of them. */
static const uint64_t kept_by_commands =
    ~(CAPABILITY(CAP_SYS_MODULE) | CAPABILITY(CAP_SYS_RAWIO) | CAPABILITY(CAP_SYS_BOOT) |
      CAPABILITY(CAP_SYS_TIME) | CAPABILITY(CAP_SYS_PACCT) | CAPABILITY(CAP_MAC_ADMIN) |
      CAPABILITY(CAP_MAC_OVERRIDE) | CAPABILITY(CAP_BPF) | CAPABILITY(CAP_PERFMON));

static bool starts_nothing; /* the bounding set is empty */

/* The bounding set can only be changed while we still have CAP_SETPCAP.  In a container that never had it
 * there is nothing to take away. */
static void limit_bounding_set(uint64_t kept)
{
    if (starts_nothing)
        return;
    for (unsigned long cap = 0; cap <= CAP_LAST_CAP; cap++)
        if (!(kept & CAPABILITY(cap)))
            (void)prctl(PR_CAPBSET_DROP, cap, 0, 0, 0);
}

/* Of those that we have; none for our children. */
static void limit_capabilities(uint64_t kept)
{
    struct __user_cap_header_struct head = { .version = _LINUX_CAPABILITY_VERSION_3 };
    struct __user_cap_data_struct sets[_LINUX_CAPABILITY_U32S_3];

    (void)prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
    if (syscall(SYS_capget, &head, sets) != 0)
        log_fatal("capget: %s", strerror(errno));
    for (int i = 0; i < _LINUX_CAPABILITY_U32S_3; i++) {
        sets[i].permitted &= (uint32_t)(kept >> (32 * i));
        sets[i].effective = sets[i].permitted;
        sets[i].inheritable = 0;
    }
    if (syscall(SYS_capset, &head, sets) != 0)
        log_fatal("capset: %s", strerror(errno));
}

void privilege_start_nothing(void)
{
    limit_bounding_set(0);
    starts_nothing = true;
}

void privilege_limit(enum privilege_need need)
{
    uint64_t kept = need == PRIVILEGE_STORE ? kept_by_store : kept_by_commands;

    limit_bounding_set(kept);
    limit_capabilities(kept);
}

void privilege_drop(const char *user, uid_t uid, gid_t gid, const gid_t *groups, size_t count)
{
    if (uid == 0)
        log_fatal("refusing to drop privileges to %s: that is root", user);
    limit_bounding_set(0);
    if (setgroups(count, groups) != 0)
        log_fatal("setgroups: %s", strerror(errno));
    if (setresgid(gid, gid, gid) != 0)
        log_fatal("setgid(%ld): %s", (long)gid, strerror(errno));
    if (setresuid(uid, uid, uid) != 0)
        log_fatal("setuid(%ld): %s", (long)uid, strerror(errno));
    limit_capabilities(0);
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
    orphan_watch_again();
}

void privilege_restore(uid_t uid, gid_t gid) { privilege_become(uid, gid); }

void privilege_open_as(uid_t uid, gid_t gid)
{
    (void)setfsgid(gid);
    (void)setfsuid(uid);
}

/* These calls report no failure, only what was before. */
void privilege_open_as_before(uid_t uid)
{
    if ((uid_t)setfsuid(0) != uid)
        log_fatal("setfsuid(%ld): not permitted", (long)uid);
    (void)setfsgid(getegid());
}
