#include "os/watch.h"

#include "base/mem.h"

#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define LINKS_MAX 8 /* more than that on one way is a circle, or no way */

struct watch_item {
    int fd;
    struct str path;
    nlink_t links;
    struct timespec changed;
};

/* What has been replaced since it was opened has no name any more: it is noticed as if that happened now. */
static void hold(struct watch *w, int fd, const char *path)
{
    struct stat st;

    if (fstat(fd, &st) != 0) {
        close(fd);
        return;
    }
    w->items = mem_resize(w->items, (w->count + 1) * sizeof *w->items);
    w->items[w->count++] =
        (struct watch_item){ fd, str_from(mem_copy_cstr(path)), MAX(st.st_nlink, 1), st.st_ctim };
}

static int look_at(const char *path) { return open(path, O_PATH | O_NOFOLLOW | O_CLOEXEC); }

/* Where the link at `path` leads.  False: it is none. */
static bool follow(char *path, size_t room)
{
    char target[PATH_MAX];
    ssize_t n = readlink(path, target, sizeof target - 1);
    const char *slash = strrchr(path, '/');
    size_t kept = n > 0 && target[0] != '/' && slash ? (size_t)(slash - path) + 1 : 0;

    if (n <= 0 || kept + (size_t)n >= room)
        return false;
    memcpy(path + kept, target, (size_t)n);
    path[kept + (size_t)n] = '\0';
    return true;
}

/* A file that is made shows in its directory. */
static int look_at_directory(char *path)
{
    char *slash = strrchr(path, '/');

    if (slash == NULL)
        return look_at(".");
    slash[slash == path ? 1 : 0] = '\0';
    return look_at(path);
}

void watch_add(struct watch *w, struct str path)
{
    char name[PATH_MAX], at[PATH_MAX];
    int links = 0;

    if (!str_to_cstring(path, name, sizeof name))
        return;
    memcpy(at, name, path.len + 1);
    do {
        int fd = look_at(at);
        if (fd < 0 && (fd = look_at_directory(at)) < 0)
            return;
        hold(w, fd, name);
    } while (links++ < LINKS_MAX && follow(at, sizeof at));
}

static bool is_as_before(const struct watch_item *item)
{
    struct stat st;

    return fstat(item->fd, &st) == 0 && st.st_nlink == item->links &&
           st.st_ctim.tv_sec == item->changed.tv_sec && st.st_ctim.tv_nsec == item->changed.tv_nsec;
}

struct str watch_changed(const struct watch *w)
{
    for (size_t i = 0; i < w->count; i++)
        if (!is_as_before(&w->items[i]))
            return w->items[i].path;
    return STR_NONE;
}

void watch_close(struct watch *w)
{
    for (size_t i = 0; i < w->count; i++) {
        close(w->items[i].fd);
        free(mem_unconst(w->items[i].path.ptr));
    }
    free(w->items);
    *w = (struct watch)WATCH_NONE;
}
