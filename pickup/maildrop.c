#include "pickup/maildrop.h"

#include "base/list.h"
#include "base/log.h"
#include "conf/params.h"
#include "pickup/forward.h"
#include "queue/dir.h"
#include "queue/requeue.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

struct dropped_file {
    struct drop drop;
    struct queue_file file;
    struct requeue_log failed;
};

/* postsuper -r puts files there that belong to us and that nobody else may read. */
static bool is_requeued(const struct stat *st)
{
    return st->st_uid == geteuid() && !(st->st_mode & S_IROTH);
}

/* The next record of the file; a recipient who is done because he failed is one to be tried again. */
static enum queue_read next_record(struct drop *d, struct record *rec)
{
    struct dropped_file *f = CONTAINER_OF(d, struct dropped_file, drop);
    enum queue_read result = queue_file_read(&f->file, rec);

    if (result == QUEUE_READ_RECORD && rec->type == REC_DONE && d->copy.requeued &&
        requeue_log_has(&f->failed, f->file.record_at))
        rec->type = REC_RCPT;
    return result;
}

/* Complete, and nothing but a plain file: a name in this directory can be anybody's work. */
static bool is_ready(const char *path, const struct stat *st)
{
    if (!S_ISREG(st->st_mode)) {
        log_warning("%s: uid %ld: not a regular file", path, (long)st->st_uid);
        return false;
    }
    if (st->st_nlink != 1) {
        log_warning("%s: uid %ld: file has %ld links", path, (long)st->st_uid, (long)st->st_nlink);
        return false;
    }
    return st->st_mode & S_IXUSR;
}

static void dispose(const struct drop *d, enum fate fate)
{
    BUF_AUTO(aside, 0);

    if (fate == FATE_REMOVE && unlink(d->path) != 0)
        log_warning("remove %s: %s", d->path, strerror(errno));
    if (fate != FATE_CORRUPT)
        return;
    buf_join(&aside, STR(QUEUE_CORRUPT "/"), str_from(d->name));
    if (rename(d->path, buf_cstr(&aside)) != 0)
        log_warning("rename %s to %s: %s", d->path, buf_cstr(&aside), strerror(errno));
    else
        log_warning("saving damaged file \"%s\" from queue \"maildrop\" to queue \"corrupt\"",
                    d->name);
}

static enum fate forward_file(int fd, const struct stat *st, const struct queue_id *id,
                              const char *path)
{
    const struct queue_layout layout = { site_conf.hash_queue_names, site_conf.hash_queue_depth };
    struct dropped_file f = {
        .drop = { .path = path,
                  .name = id->text,
                  .uid = st->st_uid,
                  .when = { .tv_sec = st->st_mtime },
                  .copy = { .requeued = is_requeued(st) },
                  .next = next_record },
        .failed = { .layout = &layout, .id = id },
    };

    queue_file_init(&f.file, fd);
    enum fate fate = drop_forward(&f.drop);
    queue_file_close(&f.file);
    if (fate == FATE_REMOVE)
        requeue_log_remove(&f.failed);
    requeue_log_free(&f.failed);
    dispose(&f.drop, fate);
    return fate;
}

static enum fate take_file(const struct queue_id *id, const char *path)
{
    int fd = open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
    struct stat st;

    if (fd < 0) {
        if (errno != ENOENT && errno != EACCES)
            log_warning("open %s: %s", path, strerror(errno));
        return FATE_KEEP;
    }
    if (fstat(fd, &st) != 0 || !is_ready(path, &st)) {
        close(fd);
        return FATE_KEEP;
    }
    return forward_file(fd, &st, id, path);
}

/* One pass.  True when something was taken, so that another pass may find what came meanwhile. */
static bool scan(void)
{
    struct queue_scan *s = queue_scan_open(QUEUE_MAILDROP);
    struct queue_id name;
    bool taken = false;
    enum fate fate = FATE_KEEP;

    while (fate != FATE_STOP && queue_scan_next(s, &name)) {
        fate = take_file(&name, queue_scan_path(s));
        taken |= fate == FATE_REMOVE || fate == FATE_CORRUPT;
    }
    queue_scan_close(s);
    return taken && fate != FATE_STOP;
}

void maildrop_empty(void)
{
    while (scan())
        continue;
}
