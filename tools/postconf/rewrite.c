#include "base/log.h"
#include "os/fd.h"
#include "os/lock.h"
#include "tools/postconf/postconf.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define FILE_MAX (64 << 20)

static bool is_current(int fd, const char *path)
{
    struct stat a, b;

    return fstat(fd, &a) == 0 && stat(path, &b) == 0 && a.st_dev == b.st_dev &&
           a.st_ino == b.st_ino;
}

/* The new file, locked: one editor at a time.  Who waited may hold a file that has since become
 * main.cf, and starts again. */
static int open_new(const char *path)
{
    for (;;) {
        int fd = open(path, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
        if (fd < 0)
            log_fatal("open %s: %m", path);
        if (!lock_exclusive(fd))
            log_fatal("lock %s: %m", path);
        if (is_current(fd, path))
            return fd;
        close(fd);
    }
}

static void copy_ownership(int from, int to, const char *path)
{
    struct stat st;

    if (fstat(from, &st) < 0)
        log_fatal("fstat %s: %m", path);
    if ((st.st_uid != geteuid() || st.st_gid != getegid()) && fchown(to, st.st_uid, st.st_gid) < 0)
        log_fatal("fchown %s: %m", path);
    if (fchmod(to, st.st_mode & 07777) < 0)
        log_fatal("fchmod %s: %m", path);
}

static void sync_directory(const char *path)
{
    BUF_AUTO(dir, 0);
    size_t slash = str_rfind(str_from(path), '/');

    buf_add(&dir, slash == STR_NOT_FOUND ? STR(".") : str_sub(str_from(path), 0, slash + 1));
    FD_AUTO(fd, open(buf_cstr(&dir), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (fd < 0 || fsync(fd) < 0)
        log_warning("cannot sync directory %s: %m", buf_cstr(&dir));
}

static void replace_file(const char *path,
                         void (*edit)(void *context, struct str old, struct buf *new_text),
                         void *context)
{
    BUF_AUTO(temporary, 0);
    BUF_AUTO(old, FILE_MAX);
    BUF_AUTO(new_text, 0);

    buf_join(&temporary, str_from(path), STR(".tmp"));
    FD_AUTO(to, open_new(buf_cstr(&temporary)));
    FD_AUTO(from, open(path, O_RDONLY | O_CLOEXEC));
    if (from < 0 || !fd_read_file(AT_FDCWD, path, &old))
        log_fatal("open %s for reading: %m", path);
    edit(context, buf_str(&old), &new_text);
    copy_ownership(from, to, path);
    if (ftruncate(to, 0) < 0 || !fd_write_all(to, buf_str(&new_text)) || fsync(to) < 0)
        log_fatal("write %s: %m", buf_cstr(&temporary));
    if (rename(buf_cstr(&temporary), path) < 0)
        log_fatal("rename %s to %s: %m", buf_cstr(&temporary), path);
    sync_directory(path);
}

void rewrite_file(const char *path,
                  void (*edit)(void *context, struct str old, struct buf *new_text), void *context)
{
    char *target = realpath(path, NULL); /* a symbolic link stays one */

    if (target == NULL)
        log_fatal("open %s for reading: %m", path);
    replace_file(target, edit, context);
    free(target);
}
