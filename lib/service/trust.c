#include "service/trust.h"

#include <grp.h>
#include <pwd.h>
#include <stddef.h>
#include <string.h>
#include <sys/fsuid.h>

#define STRANGERS_FIRST_UID 65520 /* TRUST_STRANGERS of them */

#define AGENTS         "local", "virtual", "pipe", "smtp", "lmtp", "error", "discard"
#define CALLS(...)     ((const char *const[]){ __VA_ARGS__ __VA_OPT__(, ) NULL })
#define OWNER          TRUST_OWNER
#define ROOT           TRUST_ROOT
#define STRANGER(n)    (n)
#define TRUST(p, u, c) { .program = (p), .stranger = (u), .calls = (c) },

static const struct trust rows[] = {
#include "service/trust.def"
};

const struct trust *trust_of(const char *program)
{
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        if (strcmp(rows[i].program, program) == 0)
            return &rows[i];
    return NULL;
}

bool trust_may_call(const char *caller, struct str program)
{
    const struct trust *trust = trust_of(caller);

    for (const char *const *call = trust ? trust->calls : NULL; call && *call; call++)
        if (str_equal(program, str_from(*call)))
            return true;
    return false;
}

/* A container may have fewer users: asking for the file system's user changes nothing when the number does not exist. */
static bool is_mapped(uid_t uid)
{
    uid_t before = (uid_t)setfsuid(uid);
    bool done = (uid_t)setfsuid(before) == uid;

    return done;
}

bool trust_stranger_uid(int stranger, uid_t *uid)
{
    uid_t wanted = STRANGERS_FIRST_UID + (uid_t)stranger;

    if (getpwuid(wanted) != NULL || getgrgid(wanted) != NULL || !is_mapped(wanted))
        return false;
    *uid = wanted;
    return true;
}
