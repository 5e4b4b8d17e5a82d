#include "os/safe_open.h"

#include "os/fd.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

static int refuse(int fd, struct buf *why, int error, const char *text)
{
    if (fd >= 0)
        close(fd);
    errno = error;
    buf_add_cstr(why, text ? text : strerror(error));
    return -1;
}

/* A link in the last component may only be followed when root made it in a directory of root's. */
static bool link_is_trusted(const char *path)
{
    struct stat link_st;

    return lstat(path, &link_st) == 0 && S_ISLNK(link_st.st_mode) && link_st.st_uid == 0;
}

static int open_one(const char *path, int flags, mode_t mode)
{
    int fd = open(path, flags | O_NOFOLLOW | O_CLOEXEC | O_NOCTTY | O_NONBLOCK, mode);

    if (fd < 0 && errno == ELOOP && link_is_trusted(path))
        fd = open(path, (flags & ~O_CREAT) | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    return fd;
}

int safe_open(const char *path, int flags, mode_t mode, struct stat *st, uid_t owner, gid_t group,
              struct buf *why)
{
    int fd = -1;

    if (flags & O_CREAT)
        fd = open_one(path, flags | O_EXCL, mode);
    if (fd >= 0 && owner != (uid_t)-1 && geteuid() == 0 && fchown(fd, owner, group) != 0)
        return refuse(fd, why, errno, NULL);
    if (fd < 0 && (!(flags & O_CREAT) || errno == EEXIST))
        fd = open_one(path, flags & ~(O_CREAT | O_EXCL), 0);
    if (fd < 0)
        return refuse(-1, why, errno, NULL);
    if (fstat(fd, st) != 0)
        return refuse(fd, why, errno, NULL);
    if (!S_ISREG(st->st_mode))
        return refuse(fd, why, EPERM, "file is not a regular file");
    if (st->st_nlink != 1)
        return refuse(fd, why, EPERM, "file has multiple hard links");
    if (owner != (uid_t)-1 && st->st_uid != owner)
        return refuse(fd, why, EPERM, "file has wrong owner");
    fd_set_nonblocking(fd, false);
    return fd;
}
