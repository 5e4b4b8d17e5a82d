#include "queue/writer.h"

#include "os/fd.h"
#include "queue/durability.h"
#include "queue/seal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#define TRIES 100 /* names taken by somebody else; each try takes the next microsecond */

static void next_microsecond(struct timeval *t)
{
    if (++t->tv_usec >= 1000000) {
        t->tv_usec = 0;
        t->tv_sec++;
    }
}

/* incoming/<usec>.<pid>: no queue id, so that nobody looks at it. */
static void name_temporary(const struct timeval *now, pid_t pid, struct buf *path)
{
    buf_clear(path);
    buf_addf(path, "%s/%ld.%d", QUEUE_INCOMING, (long)now->tv_usec, (int)pid);
}

static int create_temporary(struct timeval *now, pid_t pid, struct buf *path)
{
    for (int tries = 0; tries < TRIES; tries++) {
        name_temporary(now, pid, path);
        int fd = open(buf_cstr(path), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW,
                      QUEUE_MODE_INCOMPLETE);
        if (fd >= 0)
            return fd;
        if (errno == ENOENT && tries == 0 && queue_make_parents(buf_cstr(path)))
            continue;
        if (errno != EEXIST)
            return -1;
        next_microsecond(now);
    }
    return -1;
}

/* A name that another file has (copied from elsewhere, so that its inode does not fit) is never
 * taken over. */
static bool rename_new(struct buf *from, struct buf *to)
{
    if (renameat2(AT_FDCWD, buf_cstr(from), AT_FDCWD, buf_cstr(to), RENAME_NOREPLACE) == 0)
        return true;
    if (errno == ENOENT && queue_make_parents(buf_cstr(to)))
        return renameat2(AT_FDCWD, buf_cstr(from), AT_FDCWD, buf_cstr(to), RENAME_NOREPLACE) == 0;
    if (errno == EINVAL) /* NFS and other file systems without the flag */
        return access(buf_cstr(to), F_OK) != 0 && rename(buf_cstr(from), buf_cstr(to)) == 0;
    return false;
}

/* The first free queue id of this inode from `now` on, and the file under that name. */
static bool name_by_inode(struct queue_writer *w, const struct queue_layout *layout, bool long_ids,
                          struct timeval now, ino_t inode, struct buf *from)
{
    BUF_AUTO(path, 0);

    for (int tries = 0; tries < TRIES; tries++) {
        queue_id_make(now, inode, long_ids, &w->id);
        queue_path(layout, QUEUE_INCOMING, &w->id, &path);
        if (rename_new(from, &path))
            return true;
        if (errno != EEXIST)
            return false;
        next_microsecond(&now);
    }
    return false;
}

static bool use_spare(struct queue_writer *w, const struct queue_layout *layout, bool long_ids,
                      struct timeval now)
{
    struct queue_spare spare = { .path = BUF_INIT(0) };
    BUF_AUTO(path, 0);

    w->fd = queue_spare_take(w->spares, w->owner, (unsigned)now.tv_usec, &spare);
    w->used_before = w->fd >= 0;
    if (w->used_before) {
        bool named = name_by_inode(w, layout, long_ids, now, spare.inode, &spare.path);
        bool ours = queue_spare_done(w->spares, &spare, w->fd);
        w->leftover = spare.size;
        w->used_before = named && ours;
        if (named && !ours) { /* an old message under a new name */
            queue_path(layout, QUEUE_INCOMING, &w->id, &path);
            (void)unlink(buf_cstr(&path));
        }
        if (!w->used_before)
            fd_close(&w->fd);
    }
    buf_free(&spare.path);
    return w->used_before;
}

static bool use_new_file(struct queue_writer *w, const struct queue_layout *layout, bool long_ids,
                         struct timeval now)
{
    struct stat st;
    BUF_AUTO(temporary, 0);

    w->leftover = 0;
    w->fd = create_temporary(&now, w->pid, &temporary);
    if (w->fd < 0)
        return false;
    if (fstat(w->fd, &st) == 0 && name_by_inode(w, layout, long_ids, now, st.st_ino, &temporary))
        return true;
    int saved = errno;
    unlink(buf_cstr(&temporary));
    fd_close(&w->fd);
    errno = saved;
    return false;
}

/* Neither changes once a process writes messages: asked once, and not for each of them. */
static void know_oneself(struct queue_writer *w)
{
    if (w->pid)
        return;
    w->pid = getpid();
    w->owner = geteuid();
}

bool queue_writer_open(struct queue_writer *w, const struct queue_layout *layout, bool long_ids,
                       struct timeval now)
{
    w->error = 0;
    w->written = 0;
    w->seal_at = 0;
    w->queue[0] = '\0';
    buf_clear(&w->pending);
    know_oneself(w);
    if (!use_spare(w, layout, long_ids, now) && !use_new_file(w, layout, long_ids, now))
        return false;
    (void)snprintf(w->queue, sizeof w->queue, "%s", QUEUE_INCOMING);
    return true;
}

static void fail(struct queue_writer *w)
{
    if (w->error == 0)
        w->error = errno ? errno : EIO;
}

/* Nobody may read the old message behind the new one. */
static bool cut_leftover(struct queue_writer *w)
{
    if (w->leftover > w->written && ftruncate(w->fd, (off_t)w->written) != 0)
        return false;
    w->leftover = 0;
    return true;
}

bool queue_writer_flush(struct queue_writer *w)
{
    if (w->pending.full && w->error == 0)
        w->error =
            EMSGSIZE; /* a record that no reader takes was left out: the file is not what was asked for */
    if (w->pending.len && w->error == 0) {
        if (fd_write_all(w->fd, buf_str(&w->pending)))
            w->written += (int64_t)w->pending.len;
        else
            fail(w);
    }
    if (w->error == 0 && !cut_leftover(w))
        fail(w);
    buf_clear(&w->pending);
    return w->error == 0;
}

void queue_writer_spill(struct queue_writer *w)
{
    if (w->pending.len > QUEUE_WRITER_MEMORY)
        (void)!queue_writer_flush(w);
}

void queue_writer_add(struct queue_writer *w, struct str records)
{
    buf_add(&w->pending, records);
    queue_writer_spill(w);
}

void queue_writer_patch(struct queue_writer *w, int64_t at, struct str bytes)
{
    size_t on_disk = 0;

    if (at < w->written)
        on_disk = MIN(bytes.len, (size_t)(w->written - at));
    if (on_disk && w->error == 0 && !fd_pwrite_all(w->fd, str_sub(bytes, 0, on_disk), (off_t)at))
        fail(w);
    bytes = str_skip(bytes, on_disk);
    if (bytes.len && w->error == 0)
        memcpy(w->pending.ptr + (at + (int64_t)on_disk - w->written), bytes.ptr, bytes.len);
}

void queue_writer_put_seal(struct queue_writer *w)
{
    BUF_AUTO(value, 0);

    queue_seal_format(0, &w->id, &value);
    record_put_attr(&w->pending, QUEUE_SEAL, buf_str(&value));
    w->seal_at = queue_writer_offset(w) - (int64_t)value.len;
}

/* A larger file is never used again. */
static void seal(struct queue_writer *w)
{
    struct str records = buf_str(&w->pending);
    struct record rec;
    uint64_t sum = 0;
    BUF_AUTO(value, 0);

    if (w->seal_at == 0 || w->written > 0 || w->pending.len > QUEUE_SPARE_SIZE_MAX)
        return;
    while (record_take(&records, &rec) == RECORD_OK)
        sum = queue_seal_add(sum, &rec);
    queue_seal_format(sum ? sum : 1, &w->id, &value);
    queue_writer_patch(w, w->seal_at, buf_str(&value));
}

static bool sync_directory(struct queue_writer *w, const struct queue_layout *layout)
{
    BUF_AUTO(path, 0);

    if (w->directory_sync < 0)
        w->directory_sync = !durability_of_names_by_fsync(w->fd);
    if (!w->directory_sync)
        return true;
    queue_path(layout, w->queue, &w->id, &path);
    buf_truncate(&path, str_rfind(buf_str(&path), '/'));
    FD_AUTO(dir, open(buf_cstr(&path), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    return dir >= 0 && fsync(dir) == 0;
}

/* A file that was used before must hold the new content before its mode can say that it is complete: blocks that
 * are overwritten, unlike new ones, are not bound to the metadata. */
static bool content_first(const struct queue_writer *w)
{
    return !w->used_before || durability_write_out(w->fd);
}

static void move_to_hold(struct queue_writer *w, const struct queue_layout *layout)
{
    if (queue_rename(layout, QUEUE_INCOMING, QUEUE_HOLD, &w->id))
        (void)snprintf(w->queue, sizeof w->queue, "%s", QUEUE_HOLD);
    else
        fail(w);
}

bool queue_writer_commit(struct queue_writer *w, const struct queue_layout *layout, bool hold)
{
    seal(w);
    if (queue_writer_flush(w) && hold)
        move_to_hold(w, layout);
    if (w->error == 0 && (!content_first(w) || fchmod(w->fd, QUEUE_MODE_READY) != 0 ||
                          fsync(w->fd) != 0 || !sync_directory(w, layout)))
        fail(w);
    if (w->error) {
        queue_writer_close(w, layout);
        return false;
    }
    w->queue[0] = '\0'; /* it is qmgr's now */
    fd_close(&w->fd);
    return true;
}

void queue_writer_close(struct queue_writer *w, const struct queue_layout *layout)
{
    if (w->queue[0] != '\0') {
        /* After a failed fsync the file has its ready bit, and qmgr may have moved it already.
         * Then the mail goes out although the submitter was told to try again: twice is better
         * than never. */
        (void)!queue_remove(layout, w->queue, &w->id);
        w->queue[0] = '\0';
    }
    fd_close(&w->fd);
    buf_clear(&w->pending);
}

void queue_writer_fini(struct queue_writer *w)
{
    fd_close(&w->fd);
    buf_free(&w->pending);
}
