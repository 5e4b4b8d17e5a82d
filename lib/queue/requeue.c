#include "queue/requeue.h"

#include "os/fd.h"
#include "os/lock.h"
#include "queue/bounce_log.h"
#include "queue/file.h"

#include <errno.h>
#include <fcntl.h>

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

bool queue_requeue_bounced(const struct queue_layout *layout, const char *queue,
                           const struct queue_id *id)
{
    FD_AUTO(log, queue_open(layout, QUEUE_BOUNCE, id, O_RDONLY | O_CLOEXEC | O_NOFOLLOW));
    BUF_AUTO(text, BOUNCE_LOG_MAX);

    if (log < 0)
        return errno == ENOENT;
    FD_AUTO(fd, queue_open(layout, queue, id, O_RDWR | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK));
    return fd >= 0 && lock_exclusive(log) && fd_read_all(log, &text) &&
           try_all_again(fd, buf_str(&text)) &&
           (queue_remove(layout, QUEUE_BOUNCE, id) || errno == ENOENT);
}
