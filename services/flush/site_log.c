#include "services/flush/site_log.h"

#include "base/map.h"
#include "base/mem.h"
#include "os/fd.h"
#include "os/lock.h"
#include "queue/dir.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#define LOG_MAX (64UL * 1024 * 1024)

bool site_log_for(struct str site, struct site_log *log)
{
    size_t at = strlen(QUEUE_FLUSH "/");

    if (site.len == 0 || at + site.len >= sizeof log->path)
        return false;
    memcpy(log->path, QUEUE_FLUSH "/", at);
    for (size_t i = 0; i < site.len; i++)
        log->path[at++] = (char)(char_is_alnum(site.ptr[i]) ? char_lower(site.ptr[i]) : '_');
    log->path[at] = '\0';
    return true;
}

void site_log_named(const struct queue_id *name, struct site_log *log)
{
    (void)snprintf(log->path, sizeof log->path, QUEUE_FLUSH "/%.240s", name->text);
}

static int open_locked(const struct site_log *log, int flags)
{
    int fd = open(log->path, flags | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK, 0600);

    if (fd >= 0 && !lock_exclusive(fd)) {
        int saved = errno;
        close(fd);
        errno = saved;
        fd = -1;
    }
    return fd;
}

bool site_log_append(const struct site_log *log, const struct queue_id *id)
{
    FD_AUTO(fd, open_locked(log, O_WRONLY | O_APPEND | O_CREAT));
    BUF_AUTO(line, 0);

    buf_join(&line, queue_id_str(id), STR("\n"));
    return fd >= 0 && fd_write_all(fd, buf_str(&line));
}

/* Ids as they stand in the text, each once; `ids` has room for one a line. */
static size_t parse_ids(struct str text, struct queue_id *ids)
{
    struct map seen = MAP_INIT;
    size_t count = 0;

    while (text.len) {
        struct str line = str_cut(&text, '\n');
        if (map_has(&seen, line) || !queue_id_parse(line, &ids[count]))
            continue;
        (void)map_set(&seen, line, ids);
        count++;
    }
    map_free(&seen, NULL);
    return count;
}

static size_t count_lines(struct str text)
{
    size_t lines = 1;

    for (size_t i = 0; i < text.len; i++)
        lines += text.ptr[i] == '\n';
    return lines;
}

static bool read_and_empty(int fd, struct buf *text)
{
    const struct timespec times[2] = { { .tv_nsec = UTIME_NOW }, { .tv_nsec = UTIME_OMIT } };

    if (!fd_read_all(fd, text) || ftruncate(fd, 0) != 0)
        return false;
    (void)futimens(fd, times);
    return true;
}

bool site_log_take(const struct site_log *log, struct queue_id **ids, size_t *count)
{
    FD_AUTO(fd, open_locked(log, O_RDWR));
    BUF_AUTO(text, LOG_MAX);

    *ids = NULL;
    *count = 0;
    if (fd < 0)
        return errno == ENOENT;
    if (!read_and_empty(fd, &text))
        return false;
    *ids = mem_alloc(count_lines(buf_str(&text)) * sizeof **ids);
    *count = parse_ids(buf_str(&text), *ids);
    return true;
}

enum site_log_age site_log_age(const struct site_log *log, time_t now, int refresh_s, int purge_s)
{
    struct stat st;

    if (stat(log->path, &st) != 0 || !S_ISREG(st.st_mode))
        return SITE_LOG_FRESH;
    if (st.st_size > 0)
        return st.st_atime + refresh_s <= now ? SITE_LOG_DUE : SITE_LOG_FRESH;
    return st.st_mtime + purge_s <= now ? SITE_LOG_IDLE : SITE_LOG_FRESH;
}
