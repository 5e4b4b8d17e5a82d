#include "delivery/owner_arg.h"

#include "base/arena.h"
#include "base/log.h"
#include "conf/params.h"

#include <grp.h>
#include <pwd.h>

static gid_t group_id(const char *name)
{
    const struct group *gr = getgrnam(name);

    if (gr == NULL)
        log_fatal("unknown group name: %s", name);
    return gr->gr_gid;
}

static void check(const struct owner_arg *o)
{
    ARENA_AUTO(a);
    const struct passwd *mail = getpwnam(arena_cstr(&a, site_conf.mail_owner));

    if (o->uid == 0)
        log_fatal("user= command-line attribute specifies root privileges");
    if (o->gid == 0)
        log_fatal("user= command-line attribute specifies privileged group id 0");
    if (mail && o->uid == mail->pw_uid)
        log_fatal("user= command-line attribute specifies mail system owner " STR_FMT,
                  STR_ARG(site_conf.mail_owner));
    if (o->gid == group_id(arena_cstr(&a, site_conf.setgid_group)))
        log_fatal("user= command-line attribute specifies mail system group " STR_FMT,
                  STR_ARG(site_conf.setgid_group));
}

struct owner_arg owner_arg_parse(struct str text)
{
    ARENA_AUTO(a);
    struct str group = text;
    const char *name = arena_cstr(&a, str_cut(&group, ':'));
    const struct passwd *pw = getpwnam(name);

    if (pw == NULL)
        log_fatal("unknown username: %s", name);
    struct owner_arg o = { .given = true, .uid = pw->pw_uid, .gid = pw->pw_gid };
    if (group.len)
        o.gid = group_id(arena_cstr(&a, group));
    check(&o);
    return o;
}
