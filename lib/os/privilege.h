#pragma once
#include "base/attr.h"

#include <stdbool.h>
#include <sys/types.h>

/* The only place where root's powers are taken and given up.  All of these end the process when the
 * kernel refuses: to go on with more rights than meant is never an answer. */

/* For good: group list, gid, uid, every capability set.  Of other groups only these `count` are kept. */
void privilege_drop(const char *user, uid_t uid, gid_t gid, const gid_t *groups, size_t count);
void privilege_chroot(const char *dir);
/* For good: what a process that stays root does not need, for itself or for those that it starts. */
enum privilege_need {
    PRIVILEGE_STORE,    /* becomes others, starts nothing */
    PRIVILEGE_COMMANDS, /* becomes others and starts their commands, set-uid ones among them */
};
void privilege_limit(enum privilege_need need);
/* For good: programs that we or our clones start get no powers, whatever they are. */
void privilege_start_nothing(void);
/* For a while: act as somebody, then come back.  Only master (its sockets), local, virtual, pipe, spawn
 * and postlock do this. */
void privilege_become(uid_t uid, gid_t gid);
void privilege_restore(uid_t uid, gid_t gid);
/* For root, around one open(2): the file system takes us for somebody else, nobody else does.  A
 * fraction of what privilege_become() costs. */
void privilege_open_as(uid_t uid, gid_t gid);
void privilege_open_as_before(uid_t uid);
