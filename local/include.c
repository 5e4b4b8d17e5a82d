/* :include:/file - a list of destinations. */
#include "base/log.h"
#include "local/list_file.h"
#include "local/walk.h"
#include "os/fd.h"

#define LIST_MAX (16UL * 1024 * 1024)

static bool list_is_wrong(const struct branch *from)
{
    return branch_bounce(from, "5.3.5", "mail system configuration error");
}

static bool list_is_in_trouble(const struct branch *from)
{
    return branch_defer(from, "4.3.5", "mail system configuration error");
}

/* One file has many names, and may be named by all of them in many others. */
static bool is_first_time(const struct branch *from, const struct user *actor,
                          const struct stat *st)
{
    BUF_AUTO(file, 64);

    buf_addf(&file, "%llx %llx", (unsigned long long)st->st_dev, (unsigned long long)st->st_ino);
    return branch_expands_first(from, "include", branch_acted(from, actor, buf_str(&file)));
}

/* False: the owner has no account, which is logged. */
static bool find_mandate(struct branch *child, const char *path, uid_t owner)
{
    const struct user *user = NULL;

    if (child->mandate == NULL && owner != 0 && user_find_uid(owner, &user) != USER_FOUND) {
        log_warning("cannot find username for uid %lu", (unsigned long)owner);
        log_warning("%s: cannot find :include: file owner username", path);
        return false;
    }
    if (user)
        user = user_copy(branch_arena(child), user);
    child->mandate = mandate_below(child->mandate, FROM_INCLUDE, user);
    return true;
}

static bool expand(const struct branch *from, const char *path, int fd, const struct stat *st)
{
    BUF_AUTO(text, LIST_MAX);
    struct branch child = *from;

    if (!find_mandate(&child, path, st->st_uid))
        return list_is_in_trouble(from);
    if (!is_first_time(from, branch_actor(&child, child.mandate), st))
        return true;
    if (!fd_read_all(fd, &text)) {
        log_warning("read :include: file %s: %m", path);
        return list_is_in_trouble(from);
    }
    child.above = from;
    child.level++;
    child.origin = FROM_INCLUDE;
    child.indirect = true;
    return destinations_deliver(&child, buf_str(&text));
}

bool include_deliver(const struct branch *from, struct str path)
{
    const struct user *default_user = from->attempt->tables->default_user;
    struct stat st;
    FD_AUTO(fd, -1);

    if (from->level >= LOCAL_NESTING_MAX)
        return branch_bounce(from, "5.4.6", ":include: nesting limit exceeded");
    if (!str_starts(path, STR("/"))) {
        log_warning(":include:" STR_FMT " uses a relative path", STR_ARG(path));
        return list_is_wrong(from);
    }
    const char *name = arena_cstr(branch_arena(from), path);
    switch (list_file_open(name, from->mandate, default_user, &fd, &st)) {
    case LIST_FILE_OPEN:
        return expand(from, name, fd, &st);
    case LIST_FILE_WRONG:
        return list_is_wrong(from);
    case LIST_FILE_TROUBLE:
        break;
    }
    return list_is_in_trouble(from);
}
