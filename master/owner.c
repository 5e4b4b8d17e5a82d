#include "master/owner.h"

#include "base/log.h"
#include "conf/params.h"
#include "os/privilege.h"

#include <pwd.h>
#include <unistd.h>

static struct {
    uid_t uid;
    gid_t gid;
} owner;

void owner_look_up(void)
{
    const struct passwd *pw = getpwnam(site_conf.mail_owner.ptr);

    if (pw == NULL)
        log_fatal("parameter mail_owner: unknown user name value: " STR_FMT,
                  STR_ARG(site_conf.mail_owner));
    if (pw->pw_uid == 0)
        log_fatal("parameter mail_owner: user " STR_FMT " has the user id of root",
                  STR_ARG(site_conf.mail_owner));
    owner.uid = pw->pw_uid;
    owner.gid = pw->pw_gid;
}

void owner_become(void) { privilege_become(owner.uid, owner.gid); }
void owner_leave(void) { privilege_restore(0, 0); }
