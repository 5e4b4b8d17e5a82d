#include "delivery/maildir.h"

#include "base/log.h"
#include "delivery/maildir_name.h"
#include "delivery/rights.h"

#include <dirent.h>
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

static bool make_dir(const char *path) { return mkdir(path, 0700) == 0 || errno == EEXIST; }

/* The directories above the last component, then that one too. */
static bool make_path(struct str path)
{
    BUF_AUTO(part, 0);

    if (make_dir(buf_cstr((buf_add(&part, path), &part))))
        return true;
    if (errno != ENOENT)
        return false;
    struct str rest = path;
    struct str above = str_cut_last(&rest, '/');
    return above.len && above.len < path.len && make_path(above) && make_dir(buf_cstr(&part));
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

    buf_add(&path, top);
    rights_leave();
    bool ok = mkdir(buf_cstr(&path), 0700) == 0 && give_new_directory(buf_cstr(&path), t);
    int error = errno;
    rights_enter(t->uid, t->gid);
    errno = error;
    return ok;
}

static bool make_maildir(const struct store_target *t)
{
    static const char *const parts[] = { "tmp", "new", "cur" };
    struct str top = str_from(t->path);

    while (top.len > 1 && top.ptr[top.len - 1] == '/')
        top.len--;
    if (!make_path(top) &&
        !((errno == EACCES || errno == EPERM) && t->in_spool && make_top_for_owner(t, top)))
        return false;
    for (size_t i = 0; i < ARRAY_LEN(parts); i++) {
        BUF_AUTO(path, 0);
        buf_join(&path, top, STR("/"), str_from(parts[i]));
        if (!make_dir(buf_cstr(&path)))
            return false;
    }
    return true;
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
        if (errno == ENOENT && !made && make_maildir(t)) {
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

static bool write_and_sync(struct delivery *d, struct copy_plan *plan, int fd,
                           struct store_fault *fault)
{
    if (!store_fault_copied(copy_message(d, plan, fd), fault))
        return false;
    if (fsync(fd) == 0)
        return true;
    store_fault_writing(fault, errno);
    return false;
}

static bool publish(const struct store_target *t, struct timeval now, int fd, struct buf *tmp,
                    struct store_fault *fault)
{
    BUF_AUTO(path, 0);
    struct stat st;
    int error = 0;

    if (fstat(fd, &st) != 0) {
        error = errno;
    } else {
        buf_add_cstr(&path, t->path);
        maildir_format_new(&path, now, &st, host_name());
        if (rename(buf_cstr(tmp), buf_cstr(&path)) == 0)
            return true;
        error = errno;
        /* Somebody made tmp/ only. */
        if (error == ENOENT && make_maildir(t) && rename(buf_cstr(tmp), buf_cstr(&path)) == 0)
            return true;
    }
    create_fault(fault, &path, error);
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
    plan->max_bytes = t->size_limit;
    bool ok = write_and_sync(d, plan, fd, fault) && publish(t, now, fd, &tmp, fault);
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
