#include "queue/requeue.h"

#include "base/log.h"
#include "os/fd.h"
#include "os/lock.h"
#include "queue/bounce_log.h"
#include "queue/file.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>

/* The log's word is not enough to write into a queue file: a done recipient must stand there. */
static bool try_again(int fd, int64_t offset)
{
    return queue_file_mark(fd, offset, REC_DONE, REC_RCPT) || errno == EBADMSG;
}

static bool try_all_again(int fd, struct str log)
{
    struct bounce_append entry;

    while (bounce_log_take(&log, &entry))
        if (!try_again(fd, entry.offset))
            return false;
    return true;
}

static int open_log(const struct queue_layout *layout, const struct queue_id *id)
{
    return queue_open(layout, QUEUE_BOUNCE, id, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
}

bool queue_requeue_bounced(const struct queue_layout *layout, const char *queue,
                           const struct queue_id *id)
{
    FD_AUTO(log, open_log(layout, id));
    BUF_AUTO(text, BOUNCE_LOG_MAX);

    if (log < 0)
        return errno == ENOENT;
    FD_AUTO(fd, queue_open(layout, queue, id, O_RDWR | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK));
    return fd >= 0 && lock_exclusive(log) && fd_read_all(log, &text) &&
           try_all_again(fd, buf_str(&text));
}

/* ---- for who copies the message ---- */

static struct str key_of(const int64_t *offset)
{
    return (struct str){ (const char *)offset, sizeof *offset };
}

static void add_offsets(struct requeue_log *l, struct str text)
{
    struct bounce_append entry;

    while (bounce_log_take(&text, &entry))
        (void)map_set(&l->offsets, key_of(&entry.offset), l);
}

/* False: there is nothing new. */
static bool read_growth(struct requeue_log *l)
{
    FD_AUTO(fd, open_log(l->layout, l->id));
    BUF_AUTO(text, BOUNCE_LOG_MAX);
    struct stat st;

    if (fd < 0 || fstat(fd, &st) != 0 || st.st_size == l->size || !fd_read_all(fd, &text))
        return false;
    l->size = st.st_size;
    add_offsets(l, buf_str(&text));
    return true;
}

bool requeue_log_has(struct requeue_log *l, int64_t offset)
{
    return map_has(&l->offsets, key_of(&offset)) ||
           (read_growth(l) && map_has(&l->offsets, key_of(&offset)));
}

void requeue_log_remove(const struct requeue_log *l)
{
    if (l->size && !queue_remove(l->layout, QUEUE_BOUNCE, l->id) && errno != ENOENT)
        log_warning("%s: remove bounce log: %s", l->id->text, strerror(errno));
}

void requeue_log_free(struct requeue_log *l) { map_free(&l->offsets, NULL); }
