#include "delivery/dotlock.h"

#include "base/log.h"
#include "delivery/rights.h"
#include "os/lock.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

static bool create(const char *path)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);

    if (fd >= 0)
        close(fd);
    return fd >= 0;
}

/* The owner's rights first; in the spool directory ours when his do not suffice. */
static bool create_somehow(struct dotlock *l, const struct store_target *t)
{
    if (create(buf_cstr(&l->path)))
        return true;
    if ((errno != EACCES && errno != EPERM) || !t->in_spool)
        return false;
    rights_leave();
    bool ok = create(buf_cstr(&l->path));
    int error = errno;
    rights_enter(t->uid, t->gid);
    errno = error;
    l->as_service = ok;
    return ok;
}

/* False when the lock is alive or cannot be removed. */
static bool remove_stale(const char *path)
{
    struct stat st;

    if (lstat(path, &st) != 0)
        return errno == ENOENT;
    return st.st_mtime < clock_wall().tv_sec - site_conf.stale_lock_time && unlink(path) == 0;
}

bool dotlock_take(struct dotlock *l, const struct store_target *t, struct store_fault *fault)
{
    buf_join(&l->path, str_from(t->path), STR(".lock"));
    struct lock_patience patience =
        lock_patience_begin(site_conf.deliver_lock_attempts, site_conf.deliver_lock_delay);
    int error;
    do {
        if (create_somehow(l, t)) {
            l->held = true;
            return true;
        }
        error = errno;
    } while (error == EEXIST &&
             (remove_stale(buf_cstr(&l->path)) || lock_patience_wait(&patience)));
    BUF_AUTO(what, 0);
    buf_join(&what, STR("unable to create lock file "), buf_str(&l->path));
    if (t->any_file && error != EEXIST) {
        log_warning("%s: %s", buf_cstr(&what), strerror(error));
        return true;
    }
    store_fault_errno(fault, buf_cstr(&what), error);
    return false;
}

void dotlock_release(struct dotlock *l, const struct store_target *t)
{
    if (l->held && l->as_service) {
        rights_leave();
        (void)unlink(buf_cstr(&l->path));
        rights_enter(t->uid, t->gid);
    } else if (l->held) {
        (void)unlink(buf_cstr(&l->path));
    }
    buf_free(&l->path);
}
