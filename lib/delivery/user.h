#pragma once
/* delivery/user - accounts of this system. */
#include "base/str.h"

#include <sys/types.h>

struct user {
    struct str name, home, shell; /* each followed by a NUL */
    uid_t uid;
    gid_t gid;
};

enum user_result { USER_FOUND, USER_UNKNOWN, USER_ERROR /* try again later */ };

/* An answer is kept for two seconds, so that a busy mailbox does not cost a look into the user
 * database for each message; *user stays valid until the next call. */
NODISCARD enum user_result user_find(struct str name, const struct user **user);
NODISCARD enum user_result user_find_uid(uid_t uid, const struct user **user);
/* A copy that lives in `a`. */
struct arena;
struct user *user_copy(struct arena *a, const struct user *user);
