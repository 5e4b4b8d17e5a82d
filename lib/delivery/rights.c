#include "delivery/rights.h"

#include "os/privilege.h"

#include <stdbool.h>
#include <unistd.h>

/* The identity to come back to, while away. */
static struct {
    bool away;
    uid_t uid;
    gid_t gid;
} own;

void rights_enter(uid_t uid, gid_t gid)
{
    own.uid = geteuid();
    own.gid = getegid();
    own.away = uid != own.uid || gid != own.gid;
    if (own.away)
        privilege_become(uid, gid);
}

void rights_leave(void)
{
    if (own.away)
        privilege_restore(own.uid, own.gid);
    own.away = false;
}
