#include "delivery/maildir_dirs.h"

#include "base/buf.h"
#include "delivery/rights.h"
#include "delivery/store_sync.h"
#include "os/fd.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

/* One component after the other, from a directory that is there: a path may have thousands of them. */
static int enter_or_make(int above, const char *name)
{
    int fd = openat(above, name, O_PATH | O_DIRECTORY | O_CLOEXEC);

    if (fd >= 0 || errno != ENOENT || (mkdirat(above, name, 0700) != 0 && errno != EEXIST))
        return fd;
    FD_AUTO(readable, openat(above, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (readable >= 0 && !store_sync_way(readable))
        return -1;
    return openat(above, name, O_PATH | O_DIRECTORY | O_CLOEXEC);
}

/* -1: errno. */
static int open_or_make(struct str path)
{
    int at = open(str_starts(path, STR("/")) ? "/" : ".", O_PATH | O_DIRECTORY | O_CLOEXEC);
    struct str name;

    while (at >= 0 && str_token(&path, "/", &name)) {
        BUF_AUTO(component, 0);
        buf_add(&component, name);
        int next = enter_or_make(at, buf_cstr(&component));
        int error = errno;
        fd_close(&at);
        errno = error;
        at = next;
    }
    return at;
}

static bool is_empty(int dir)
{
    DIR *entries = fdopendir(dup(dir));
    struct dirent *entry;
    bool empty = entries != NULL;

    while (empty && (entry = readdir(entries)) != NULL)
        empty = str_equal(str_from(entry->d_name), STR(".")) ||
                str_equal(str_from(entry->d_name), STR(".."));
    if (entries)
        closedir(entries);
    return empty;
}

/* Who may rename in the spool directory may have put another directory into the place of the one
 * that we made.  What is given away is ours and has nothing in it. */
static bool give_new_directory(const char *path, const struct store_target *t)
{
    FD_AUTO(fd, open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
    struct stat st;

    if (fd < 0 || fstat(fd, &st) != 0)
        return false;
    if (st.st_uid == geteuid() && is_empty(fd))
        return fchown(fd, t->uid, t->gid) == 0;
    errno = EAGAIN;
    return false;
}

/* A Maildir in the spool directory: the owner may not make its top, so we do. */
static bool make_top_for_owner(const struct store_target *t, struct str top)
{
    BUF_AUTO(path, 0);

    while (top.len > 1 && top.ptr[top.len - 1] == '/')
        top.len--;
    buf_add(&path, top);
    rights_leave();
    bool ok = mkdir(buf_cstr(&path), 0700) == 0 && give_new_directory(buf_cstr(&path), t);
    int error = errno;
    rights_enter(t->uid, t->gid);
    errno = error;
    return ok && store_sync_names(t, buf_cstr(&path));
}

static int open_top(const struct store_target *t, struct str top)
{
    int fd = open_or_make(top);

    if (fd < 0 && (errno == EACCES || errno == EPERM) && t->in_spool && make_top_for_owner(t, top))
        fd = open_or_make(top);
    return fd;
}

bool maildir_make(const struct store_target *t)
{
    static const char *const parts[] = { "tmp", "new", "cur" };
    FD_AUTO(top, open_top(t, str_from(t->path)));

    for (size_t i = 0; top >= 0 && i < ARRAY_LEN(parts); i++) {
        FD_AUTO(part, enter_or_make(top, parts[i]));
        if (part < 0)
            return false;
    }
    return top >= 0;
}
