#include "base/log.h"
#include "queue/requeue.h"
#include "tools/postsuper/super.h"

#include <errno.h>
#include <fcntl.h>
#include <time.h>
#include <unistd.h>

#define UNFINISHED_S 3600 /* older ones were left behind by a crash */

static const char *const log_queues[] = { QUEUE_DEFER, QUEUE_BOUNCE, QUEUE_TRACE };

/* At its place only: an orphan elsewhere does no harm, and most messages have no log at all. */
static void delete_log(struct super *s, const char *queue, const struct queue_id *id)
{
    BUF_AUTO(path, 0);

    queue_path(&s->layout, queue, id, &path);
    if (unlink(buf_cstr(&path)) == 0)
        log_debug("removed file %s", buf_cstr(&path));
    else if (errno != ENOENT)
        log_warning("remove file %s: %s", buf_cstr(&path), strerror(errno));
}

static void report_error(const char *what, const char *queue, const struct queue_id *id)
{
    if (errno != ENOENT)
        log_warning("%s file %s/%s: %s", what, queue, id->text, strerror(errno));
}

/* The logs go first: a message must not find those of a namesake. */
bool action_delete(struct super *s, const char *queue, const struct queue_id *id)
{
    struct stat st;

    if (!queue_stat(&s->layout, queue, id, &st))
        return false;
    if (strcmp(queue, QUEUE_MAILDROP) != 0)
        for (size_t i = 0; i < ARRAY_LEN(log_queues); i++)
            delete_log(s, log_queues[i], id);
    if (queue_remove(&s->layout, queue, id))
        return true;
    report_error("remove", queue, id);
    return false;
}

bool action_expire(struct super *s, const char *queue, const struct queue_id *id)
{
    int fd = queue_open(&s->layout, queue, id, O_RDONLY | O_NONBLOCK);
    struct stat st;
    bool changed = false;

    if (fd < 0)
        return false;
    if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_mode & S_IXUSR &&
        !(st.st_mode & QUEUE_MODE_FORCE_EXPIRE)) {
        changed = fchmod(fd, (st.st_mode & 07777) | QUEUE_MODE_FORCE_EXPIRE) == 0;
        if (!changed)
            report_error("expire", queue, id);
    }
    close(fd);
    return changed;
}

static bool move(struct super *s, const char *from, const char *to, const struct queue_id *id)
{
    if (queue_rename(&s->layout, from, to, id))
        return true;
    report_error("rename", from, id);
    return false;
}

bool action_hold(struct super *s, const char *queue, const struct queue_id *id)
{
    return move(s, queue, QUEUE_HOLD, id);
}

bool action_release(struct super *s, const char *queue, const struct queue_id *id)
{
    return move(s, queue, QUEUE_DEFERRED, id);
}

/* What is to be reported goes with the message; pickup(8) removes the bounce log when it has taken it.  The defer log of its last attempt stays: nobody
 * asks for the old name again, removing it costs more than all the rest, and -p clears it away. */
bool action_requeue(struct super *s, const char *queue, const struct queue_id *id)
{
    if (!queue_requeue_bounced(&s->layout, queue, id) && errno != ENOENT)
        log_warning("%s: failed recipients are reported under the old name only: %s", id->text,
                    strerror(errno));
    return move(s, queue, QUEUE_MAILDROP, id);
}

/* Files come to active and deferred when they are complete, by a rename: no need to look. */
bool action_is_unfinished(const char *queue, const char *path)
{
    struct stat st;

    if (strcmp(queue, QUEUE_ACTIVE) == 0 || strcmp(queue, QUEUE_DEFERRED) == 0)
        return false;
    return lstat(path, &st) == 0 && !(st.st_mode & S_IXUSR) &&
           st.st_mtime + UNFINISHED_S > time(NULL);
}
