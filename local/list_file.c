#include "local/list_file.h"

#include "base/log.h"
#include "delivery/rights.h"
#include "delivery/store_fault.h"
#include "os/fd.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#define OPEN_FLAGS (O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC)

static int open_as(const char *path, int flags, uid_t uid, gid_t gid)
{
    rights_enter(uid, gid);
    int fd = open(path, flags);
    int error = errno;
    rights_leave();
    errno = error;
    return fd;
}

/* Nobody but root and `owner` can put something else there. */
static bool is_safe_directory(const char *path, uid_t owner)
{
    struct stat st;

    return lstat(path, &st) == 0 && S_ISDIR(st.st_mode) && (st.st_uid == 0 || st.st_uid == owner) &&
           (!(st.st_mode & (S_IWGRP | S_IWOTH)) || (st.st_mode & S_ISVTX));
}

static bool is_safe_place(struct str path, uid_t owner)
{
    BUF_AUTO(above, 0);

    for (size_t i = 0; i < path.len; i++) {
        if (path.ptr[i] != '/')
            continue;
        buf_clear(&above);
        buf_add(&above, str_sub(path, 0, i + 1));
        if (!is_safe_directory(buf_cstr(&above), owner))
            return false;
    }
    return true;
}

/* Without the look at the place, who may rename in a directory above would have a private file of somebody else read,
 * and its lines would come back to him as addresses that do not exist. */
static int open_private(const char *path)
{
    struct stat st;

    errno = EACCES;
    if (lstat(path, &st) != 0 || !is_safe_place(str_from(path), st.st_uid))
        return -1;
    int fd = open_as(path, OPEN_FLAGS | O_NOFOLLOW, st.st_uid, st.st_gid);
    uid_t owner = st.st_uid;
    if (fd >= 0 && fstat(fd, &st) == 0 && st.st_uid == owner && st.st_nlink == 1)
        return fd;
    fd_close(&fd);
    errno = EACCES;
    return -1;
}

static int open_for(const char *path, const struct user *mandate, const struct user *default_user)
{
    const struct user *reader = mandate ? mandate : default_user;
    int fd = open_as(path, OPEN_FLAGS, reader->uid, reader->gid);

    return fd < 0 && errno == EACCES && mandate == NULL ? open_private(path) : fd;
}

static const char *problem_of(const struct stat *st)
{
    if (!S_ISREG(st->st_mode))
        return "is not a regular file";
    return st->st_mode & S_IWOTH ? "is world writable" : NULL;
}

static enum list_file_result not_opened(const char *path)
{
    enum list_file_result result =
        store_fault_is_lasting(errno) ? LIST_FILE_WRONG : LIST_FILE_TROUBLE;

    if (errno == EACCES)
        log_warning("cannot open include file %s: %m", path);
    else
        log_warning("unable to lookup :include: file %s: %m", path);
    return result;
}

enum list_file_result list_file_open(const char *path, const struct user *mandate,
                                     const struct user *default_user, int *fd, struct stat *st)
{
    int opened = open_for(path, mandate, default_user);
    struct stat about;

    if (opened < 0 || fstat(opened, &about) != 0)
        return not_opened(path);
    const char *problem = problem_of(&about);
    if (problem) {
        log_warning(":include: file %s %s", path, problem);
        fd_close(&opened);
        return LIST_FILE_WRONG;
    }
    *fd = opened;
    *st = about;
    return LIST_FILE_OPEN;
}
