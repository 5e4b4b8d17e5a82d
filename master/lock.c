#include "master/lock.h"

#include "base/log.h"
#include "conf/params.h"
#include "master/owner.h"
#include "os/fd.h"
#include "os/lock.h"
#include "os/privilege.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#define PATH_ROOM 512

/* Two descriptors that stay open as long as we live. */
static struct {
    int pid_file;
    int data_file;
} held = { -1, -1 };

static void pid_file_path(struct buf *path)
{
    buf_join(path, site_conf.process_id_directory, STR("/master.pid"));
}

static int open_locked(const char *path)
{
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);

    if (fd < 0)
        log_fatal("open lock file %s: cannot open file: %s", path, strerror(errno));
    if (!lock_try_exclusive(fd))
        log_fatal("open lock file %s: unable to set exclusive lock: %s", path, strerror(errno));
    return fd;
}

/* The data directory belongs to mail_owner, so nothing in it is opened with root's rights. */
void lock_take(void)
{
    BUF_AUTO(path, PATH_ROOM);

    pid_file_path(&path);
    held.pid_file = open_locked(buf_cstr(&path));
    buf_clear(&path);
    buf_join(&path, site_conf.data_directory, STR("/master.lock"));
    owner_become();
    held.data_file = open_locked(buf_cstr(&path));
    owner_leave();
}

static void write_pid(int fd)
{
    char text[64];
    int n = snprintf(text, sizeof text, "%32d\n", (int)getpid());

    if (ftruncate(fd, 0) != 0 || !fd_pwrite_all(fd, (struct str){ text, (size_t)n }, 0))
        log_fatal("write lock file: %s", strerror(errno));
}

void lock_write_pid(void)
{
    write_pid(held.pid_file);
    write_pid(held.data_file);
}

bool lock_is_held(void)
{
    BUF_AUTO(path, PATH_ROOM);

    pid_file_path(&path);
    FD_AUTO(fd, open(buf_cstr(&path), O_RDONLY | O_CLOEXEC | O_NOFOLLOW));
    if (fd < 0 && errno == ENOENT)
        return false;
    if (fd < 0)
        log_fatal("open %s: %s", buf_cstr(&path), strerror(errno));
    return !lock_try_exclusive(fd);
}
