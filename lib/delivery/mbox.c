#include "delivery/mbox.h"

#include "base/log.h"
#include "delivery/dotlock.h"
#include "delivery/rights.h"
#include "delivery/store_sync.h"
#include "os/lock.h"
#include "queue/durability.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define OPEN_FLAGS (O_WRONLY | O_APPEND | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC)

static int create_for_owner(const struct store_target *t)
{
    struct stat dir;
    BUF_AUTO(parent, 0);
    struct str above = str_from(t->path);

    (void)str_cut_last(&above, '/');
    buf_add(&parent, str_sub(str_from(t->path), 0, strlen(t->path) - above.len));
    rights_leave();
    int fd = open(t->path, OPEN_FLAGS | O_CREAT | O_EXCL, 0600);
    if (fd >= 0) {
        /* The directory's group stays where the set-group-id bit gave it. */
        bool inherited = stat(buf_cstr(&parent), &dir) == 0 && (dir.st_mode & S_ISGID);
        if (fchown(fd, t->uid, inherited ? (gid_t)-1 : t->gid) != 0) {
            int error = errno;
            (void)unlink(t->path);
            fd_close(&fd);
            errno = error;
        }
    }
    int error = errno;
    rights_enter(t->uid, t->gid);
    errno = error;
    return fd;
}

static int create_file(const struct store_target *t)
{
    int fd = open(t->path, OPEN_FLAGS | O_CREAT | O_EXCL, 0600);

    if (fd < 0 && (errno == EACCES || errno == EPERM) && t->in_spool)
        return create_for_owner(t);
    return fd;
}

/* A link is followed if root made it: one with another name may have been made for another
 * place. */
static int open_link(const struct store_target *t)
{
    struct stat st;

    if (lstat(t->path, &st) == 0 && S_ISLNK(st.st_mode) && st.st_uid == 0 && st.st_nlink == 1)
        return open(t->path, OPEN_FLAGS & ~O_NOFOLLOW);
    errno = ELOOP;
    return -1;
}

static int open_file(const struct store_target *t, const char **failed)
{
    int fd = open(t->path, OPEN_FLAGS);

    *failed = "cannot open file";
    if (fd < 0 && errno == ENOENT) {
        fd = create_file(t);
        if (fd < 0 && errno == EEXIST) /* somebody else made it just now */
            fd = open(t->path, OPEN_FLAGS);
        else if (fd < 0)
            *failed = "cannot create file exclusively";
    }
    if (fd < 0 && errno == ELOOP)
        fd = open_link(t);
    return fd;
}

static bool lock_once(int fd, unsigned locks)
{
    if ((locks & STORE_FCNTL) && !lock_fcntl_try_exclusive(fd))
        return false;
    return !(locks & STORE_FLOCK) || lock_try_exclusive(fd);
}

static bool lock_file(int fd, unsigned locks)
{
    struct lock_patience patience =
        lock_patience_begin(site_conf.deliver_lock_attempts, site_conf.deliver_lock_delay);

    while (!lock_once(fd, locks)) {
        if (errno != EAGAIN && errno != EACCES && errno != EWOULDBLOCK && errno != EINTR)
            return false;
        if (!lock_patience_wait(&patience)) {
            errno = EAGAIN;
            return false;
        }
    }
    return true;
}

/* One sentence about the destination as a whole. */
static bool refuse(struct store_fault *fault, const char *path, const char *problem)
{
    fault->complete = true;
    buf_clear(&fault->text);
    buf_addf(&fault->text, "destination %s %s", path, problem);
    return false;
}

static bool is_acceptable(const struct store_target *t, const struct stat *st,
                          struct store_fault *fault)
{
    if (!S_ISREG(st->st_mode))
        return refuse(fault, t->path, "is not a regular file");
    if (st->st_nlink > 1) {
        store_fault_status(fault, EMLINK);
        buf_addf(&fault->text, "file has %lu hard links", (unsigned long)st->st_nlink);
        return false;
    }
    if (t->any_file && (st->st_mode & (S_IXUSR | S_IXGRP | S_IXOTH))) {
        fault->status = OUTCOME_BOUNCED;
        fault->dsn = "5.7.1";
        buf_add(&fault->text, STR("file is executable"));
        return false;
    }
    if (!t->any_file && st->st_uid != t->uid) {
        if (t->strict_owner)
            return refuse(fault, t->path, "is not owned by recipient");
        log_warning("mailbox %s is not owned by its recipient (strict_mailbox_ownership is off)",
                    t->path);
    }
    return true;
}

/* A mailbox that was empty may be new, and so is its name then. */
static bool is_durable(const struct store_target *t, int fd, const struct stat *before)
{
    if (fsync(fd) != 0)
        return false;
    return before->st_size > 0 || durability_of_names_by_fsync(fd) || store_sync_names(t, t->path);
}

static bool write_mail(struct delivery *d, const struct store_target *t, struct copy_plan *plan,
                       int fd, const struct stat *before, struct store_fault *fault)
{
    off_t size = before->st_size;

    plan->appended_at = size;
    plan->max_bytes = 0;
    if (t->size_limit > 0) {
        if (size >= t->size_limit) {
            store_fault_writing(fault, EFBIG);
            return false;
        }
        plan->max_bytes = t->size_limit - size;
    }
    bool ok = store_fault_copied(copy_message(d, plan, fd), fault);
    if (ok && !is_durable(t, fd, before)) {
        store_fault_writing(fault, errno);
        ok = false;
    }
    if (!ok && ftruncate(fd, size) != 0)
        log_warning("truncate mailbox %s to its size before a failed delivery: %m", t->path);
    return ok;
}

/* A device or the like: nothing to lock, to sync or to take back.  Whoever reads there has the time that a
 * command would have: a FIFO whose reader sleeps must not take one of our processes away for good. */
static bool write_special(struct delivery *d, struct copy_plan *plan, int fd,
                          struct store_fault *fault)
{
    plan->until = deadline_in(site_conf.command_time_limit);
    plan->max_bytes = 0;
    return store_fault_copied(copy_message(d, plan, fd), fault);
}

/* The file may be replaced by its reader between our open and our lock: then it has no name any
 * more. */
static int open_and_lock(const struct store_target *t, struct stat *st, struct store_fault *fault)
{
    for (int attempt = 0;; attempt++) {
        const char *failed;
        int fd = open_file(t, &failed);
        if (fd < 0) {
            store_fault_errno(fault, failed, errno);
            return -1;
        }
        bool locked = lock_file(fd, t->locks);
        int error = errno;
        if (fstat(fd, st) != 0) {
            store_fault_errno(fault, "cannot open file", errno);
            fd_close(&fd);
            return -1;
        }
        if (t->any_file && !S_ISREG(st->st_mode))
            return fd;
        if (!locked) {
            store_fault_errno(fault, "unable to lock for exclusive access", error);
            fd_close(&fd);
            return -1;
        }
        if (st->st_nlink > 0 || attempt >= site_conf.deliver_lock_attempts)
            return fd;
        fd_close(&fd);
    }
}

static bool append(struct delivery *d, const struct store_target *t, struct copy_plan *plan,
                   struct store_fault *fault)
{
    struct stat st;
    FD_AUTO(fd, open_and_lock(t, &st, fault));

    if (fd < 0)
        return false;
    if (t->any_file && !S_ISREG(st.st_mode))
        return write_special(d, plan, fd, fault);
    return is_acceptable(t, &st, fault) && write_mail(d, t, plan, fd, &st, fault);
}

/* A destination that is there and no regular file gets no dot lock beside it (/dev/null.lock). */
static bool wants_dotlock(const struct store_target *t)
{
    struct stat st;

    if (!(t->locks & STORE_DOTLOCK))
        return false;
    return !t->any_file || stat(t->path, &st) != 0 || S_ISREG(st.st_mode);
}

bool mbox_append(struct delivery *d, const struct store_target *t, struct copy_plan *plan,
                 struct store_fault *fault)
{
    struct dotlock lock = DOTLOCK_INIT;

    rights_enter(t->uid, t->gid);
    bool ok = !wants_dotlock(t) || dotlock_take(&lock, t, fault);
    if (ok)
        ok = append(d, t, plan, fault);
    dotlock_release(&lock, t);
    rights_leave();
    return ok;
}
