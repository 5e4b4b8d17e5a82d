#pragma once
#include "base/attr.h"

#include <stdbool.h>
#include <sys/types.h>

/* The only place where root's powers are taken and given up. */

/* For good: group list, gid, uid; ends the process if the kernel refuses. */
void privilege_drop(const char *user, uid_t uid, gid_t gid);
void privilege_chroot(const char *dir);
/* For a while: act as somebody, then come back.  Only local, virtual, pipe and spawn do this. */
void privilege_become(uid_t uid, gid_t gid);
void privilege_restore(uid_t uid, gid_t gid);
