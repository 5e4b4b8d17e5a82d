#include "delivery/owner_arg.h"

#include "base/arena.h"
#include "base/log.h"
#include "conf/params.h"

#include <grp.h>
#include <pwd.h>

static void check(const struct owner_arg *o, const struct owner_arg_words *words)
{
    ARENA_AUTO(a);
    const struct passwd *mail = getpwnam(arena_cstr(&a, site_conf.mail_owner));
    const struct group *drop = getgrnam(arena_cstr(&a, site_conf.setgid_group));

    if (o->uid == 0)
        log_fatal("%s", words->root);
    if (o->gid == 0)
        log_fatal("user= command-line attribute specifies privileged group id 0");
    if (mail && o->uid == mail->pw_uid)
        log_fatal("%s%s" STR_FMT, words->mail_owner, words->names_mail_owner ? " " : "",
                  STR_ARG(words->names_mail_owner ? site_conf.mail_owner : STR_NONE));
    if (drop && o->gid == drop->gr_gid)
        log_fatal("user= command-line attribute specifies mail system " STR_FMT " group id %lu",
                  STR_ARG(site_conf.setgid_group), (unsigned long)o->gid);
}

static gid_t group_id(const char *name, const struct owner_arg_words *words)
{
    const struct group *gr = getgrnam(name);

    if (gr == NULL)
        log_fatal("%s: %s", words->unknown_group, name);
    return gr->gr_gid;
}

struct owner_arg owner_arg_parse(struct str text, const struct owner_arg_words *words)
{
    ARENA_AUTO(a);
    struct str group = text;
    const char *name = arena_cstr(&a, str_cut(&group, ':'));
    const struct passwd *pw = getpwnam(name);

    if (pw == NULL)
        log_fatal("%s: %s", words->unknown_user, name);
    struct owner_arg o = { .given = true, .uid = pw->pw_uid, .gid = pw->pw_gid };
    if (group.len)
        o.gid = group_id(arena_cstr(&a, group), words);
    check(&o, words);
    return o;
}
