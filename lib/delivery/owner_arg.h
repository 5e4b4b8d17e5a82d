#pragma once
/* delivery/owner_arg - `user=name[:group]` in master.cf, for pipe(8) and spawn(8). */
#include "base/str.h"

#include <sys/types.h>

struct owner_arg {
    bool given;
    uid_t uid;
    gid_t gid;
};

/* pipe(8) and spawn(8) complain in words of their own. */
struct owner_arg_words {
    const char *unknown_user, *unknown_group; /* the name follows */
    const char *root, *mail_owner;
    bool names_mail_owner; /* its name follows */
};

/* Ends the process for an unknown name, for root, and for the mail system's own user or group. */
struct owner_arg owner_arg_parse(struct str text, const struct owner_arg_words *words);
