/* The per-message logs in bounce/, defer/ and trace/. */
#include "base/log.h"

#include "os/fd.h"
#include "os/lock.h"
#include "queue/bounce_log.h"
#include "services/bounce/bounce.h"
#include "text/address.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

/* Open and locked; somebody may have removed the log between the two. */
static int open_to_append(const struct bounce_service *b, const struct queue_id *id)
{
    for (;;) {
        struct stat st = { .st_nlink = 1 };
        int fd = queue_create(&b->layout, b->dir, id, O_WRONLY | O_APPEND | O_CLOEXEC | O_NOFOLLOW,
                              0600);
        if (fd < 0 || (lock_exclusive(fd) && fstat(fd, &st) == 0 && st.st_nlink > 0))
            return fd;
        if (st.st_nlink > 0) {
            fd_close(&fd);
            return -1;
        }
        close(fd);
    }
}

/* Whoever is not told now is tried again, and told of when this log is done. */
static bool has_room(int fd, size_t more)
{
    struct stat st;

    if (fstat(fd, &st) != 0)
        return false;
    errno = EFBIG;
    return (uint64_t)st.st_size + more <= BOUNCE_LOG_MAX;
}

bool bounce_append_entry(const struct bounce_service *b, const struct bounce_append *entry)
{
    struct bounce_append quoted = *entry;
    struct queue_id id;
    BUF_AUTO(recipient, 0);
    BUF_AUTO(original, 0);
    BUF_AUTO(block, 0);

    if (!queue_id_parse(entry->queue_id, &id)) {
        log_warning("bad queue id in a request to append to a log");
        return false;
    }
    address_quote(entry->recipient, &recipient);
    address_quote(entry->orig_rcpt, &original);
    quoted.recipient = buf_str(&recipient);
    quoted.orig_rcpt = buf_str(&original);
    bounce_log_format(&block, &quoted, site_conf.backwards_bounce_logfile_compatibility);
    FD_AUTO(fd, open_to_append(b, &id));
    if (fd >= 0 && has_room(fd, block.len) && fd_write_all(fd, buf_str(&block)) && fsync(fd) == 0)
        return true;
    log_warning("%s: append to %s log: %s", id.text, b->dir, strerror(errno));
    return false;
}

enum bounce_log_result bounce_read_log(const struct bounce_service *b, const struct queue_id *id,
                                       struct buf *text)
{
    FD_AUTO(fd, queue_open(&b->layout, b->dir, id, O_RDONLY | O_CLOEXEC | O_NOFOLLOW));

    if (fd < 0 && errno == ENOENT)
        return BOUNCE_LOG_ABSENT;
    if (fd >= 0 && lock_shared(fd) && fd_read_all(fd, text))
        return BOUNCE_LOG_OK;
    log_warning("%s: read %s log: %s", id->text, b->dir, strerror(errno));
    return BOUNCE_LOG_ERROR;
}

bool bounce_remove_log(const struct bounce_service *b, const struct queue_id *id)
{
    if (queue_remove(&b->layout, b->dir, id) || errno == ENOENT)
        return true;
    log_warning("%s: remove %s log: %s", id->text, b->dir, strerror(errno));
    return false;
}
