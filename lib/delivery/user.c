#include "delivery/user.h"

#include "base/arena.h"
#include "base/map.h"
#include "os/clock.h"

#include <errno.h>
#include <pwd.h>

#define KEEP_MS 2000

/* Found users by name; emptied when its time is over. */
static struct {
    struct map by_name;
    struct arena arena;
    int64_t until_ms;
} cache;

static void expire(void)
{
    int64_t now = clock_now_ms();

    if (now < cache.until_ms)
        return;
    map_free(&cache.by_name, NULL);
    arena_reset(&cache.arena);
    cache.by_name = MAP_INIT;
    cache.until_ms = now + KEEP_MS;
}

struct user *user_copy(struct arena *a, const struct user *user)
{
    struct user *copy = arena_alloc(a, sizeof *copy);

    *copy = (struct user){
        .name = arena_str(a, user->name),
        .home = arena_str(a, user->home),
        .shell = arena_str(a, user->shell),
        .uid = user->uid,
        .gid = user->gid,
    };
    return copy;
}

static struct user *keep(const struct passwd *pw)
{
    const struct user user = {
        .name = str_from(pw->pw_name),
        .home = str_from(pw->pw_dir),
        .shell = str_from(pw->pw_shell),
        .uid = pw->pw_uid,
        .gid = pw->pw_gid,
    };

    return user_copy(&cache.arena, &user);
}

/* What getpw*() left in errno when it found nothing. */
static enum user_result no_entry(void)
{
    static const int unknown[] = { 0, ENOENT, ESRCH, EBADF, EPERM };

    for (size_t i = 0; i < ARRAY_LEN(unknown); i++)
        if (errno == unknown[i])
            return USER_UNKNOWN;
    return USER_ERROR;
}

enum user_result user_find(struct str name, const struct user **user)
{
    expire();
    const struct user *known = map_get(&cache.by_name, name);
    if (known == NULL) {
        errno = 0;
        const struct passwd *pw = getpwnam(arena_cstr(&cache.arena, name));
        if (pw == NULL)
            return no_entry();
        struct user *found = keep(pw);
        (void)map_set(&cache.by_name, name, found);
        known = found;
    }
    *user = known;
    return USER_FOUND;
}

enum user_result user_find_uid(uid_t uid, const struct user **user)
{
    expire();
    errno = 0;
    const struct passwd *pw = getpwuid(uid);
    if (pw == NULL)
        return no_entry();
    *user = keep(pw);
    return USER_FOUND;
}
