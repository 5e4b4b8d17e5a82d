#include "delivery/maildir.h"

#include "base/log.h"
#include "delivery/maildir_dirs.h"
#include "delivery/maildir_name.h"
#include "delivery/rights.h"
#include "delivery/store_sync.h"
#include "os/fd.h"
#include "queue/durability.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#define NAME_TRIES 16
#define HOST_MAX   256

static struct str host_name(void)
{
    static char host[HOST_MAX]; /* of this machine: does not change while we run */

    if (host[0] == '\0' && (gethostname(host, sizeof host - 1) != 0 || host[0] == '\0'))
        memcpy(host, "localhost", sizeof "localhost");
    return str_from(host);
}

static void add_host(struct buf *out, struct str host)
{
    for (size_t i = 0; i < host.len; i++) {
        if (host.ptr[i] == '/')
            buf_add(out, STR("\\057"));
        else if (host.ptr[i] == ':')
            buf_add(out, STR("\\072"));
        else
            buf_addc(out, host.ptr[i]);
    }
}

void maildir_format_tmp(struct buf *out, struct timeval now, int try, int pid, struct str host)
{
    buf_addf(out, "tmp/%lld.", (long long)now.tv_sec);
    if (try > 0)
        buf_addf(out, "M%06ldQ%d", (long)now.tv_usec, try);
    buf_addf(out, "P%d.", pid);
    add_host(out, host);
}

void maildir_format_new(struct buf *out, struct timeval now, const struct stat *st, struct str host)
{
    buf_addf(out, "new/%lld.V%llxI%llxM%06ld.", (long long)now.tv_sec,
             (unsigned long long)st->st_dev, (unsigned long long)st->st_ino, (long)now.tv_usec);
    add_host(out, host);
}

static int create_tmp(const struct store_target *t, struct timeval now, struct buf *path)
{
    bool made = false;

    for (int try = 0; try < NAME_TRIES; try++) {
        buf_clear(path);
        buf_add_cstr(path, t->path);
        maildir_format_tmp(path, now, try, getpid(), host_name());
        int fd = open(buf_cstr(path), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
        if (fd >= 0)
            return fd;
        if (errno == ENOENT && !made && maildir_make(t)) {
            made = true;
            try--;
        } else if (errno != EEXIST) {
            return -1;
        }
    }
    return -1;
}

static void create_fault(struct store_fault *fault, struct buf *path, int error)
{
    BUF_AUTO(what, 0);

    buf_join(&what, STR("create maildir file "), buf_str(path));
    if (error == EACCES) {
        log_warning("maildir access problem for UID/GID=%lu/%lu: %s: %s", (unsigned long)geteuid(),
                    (unsigned long)getegid(), buf_cstr(&what), strerror(error));
        log_warning("perhaps you need to create the maildirs in advance");
    }
    store_fault_errno(fault, buf_cstr(&what), error);
}

/* Where the kernel keeps content before name, one sync behind the renaming makes both durable; elsewhere each has its own. */
static bool write_content(struct delivery *d, struct copy_plan *plan, int fd, bool ordered,
                          struct store_fault *fault)
{
    if (!store_fault_copied(copy_message(d, plan, fd), fault))
        return false;
    if (ordered ? durability_write_out(fd) : fsync(fd) == 0)
        return true;
    store_fault_writing(fault, errno);
    return false;
}

static bool sync_name(const struct store_target *t, const char *path, int fd, bool ordered)
{
    return ordered ? fsync(fd) == 0 : store_sync_names(t, path);
}

/* Somebody may have made tmp/ only. */
static bool move_to_new(const struct store_target *t, const char *from, const char *to)
{
    return rename(from, to) == 0 || (errno == ENOENT && maildir_make(t) && rename(from, to) == 0);
}

static bool publish(const struct store_target *t, struct timeval now, int fd, bool ordered,
                    struct buf *tmp, struct store_fault *fault)
{
    BUF_AUTO(path, 0);
    struct stat st;
    bool moved = false;

    if (fstat(fd, &st) == 0) {
        buf_add_cstr(&path, t->path);
        maildir_format_new(&path, now, &st, host_name());
        moved = move_to_new(t, buf_cstr(tmp), buf_cstr(&path));
    }
    if (moved && sync_name(t, buf_cstr(&path), fd, ordered))
        return true;
    create_fault(fault, &path, errno);
    if (moved) /* it will come again */
        (void)unlink(buf_cstr(&path));
    return false;
}

static bool add(struct delivery *d, const struct store_target *t, struct copy_plan *plan,
                struct store_fault *fault)
{
    struct timeval now = clock_wall();
    BUF_AUTO(tmp, 0);
    FD_AUTO(fd, create_tmp(t, now, &tmp));

    if (fd < 0) {
        create_fault(fault, &tmp, errno);
        return false;
    }
    bool ordered = durability_is_ordered(buf_cstr(&tmp));
    plan->max_bytes = t->size_limit;
    bool ok =
        write_content(d, plan, fd, ordered, fault) && publish(t, now, fd, ordered, &tmp, fault);
    if (!ok)
        (void)unlink(buf_cstr(&tmp));
    return ok;
}

bool maildir_add(struct delivery *d, const struct store_target *t, struct copy_plan *plan,
                 struct store_fault *fault)
{
    rights_enter(t->uid, t->gid);
    bool ok = add(d, t, plan, fault);
    rights_leave();
    return ok;
}
