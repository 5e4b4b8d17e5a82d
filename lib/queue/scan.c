/* The walk over a queue (queue/dir.h): a stack of open directories, never recursion. */
#include "base/log.h"
#include "base/mem.h"
#include "queue/dir.h"

#include <errno.h>
#include <stdlib.h>

#define DEPTH_MAX 16

struct queue_scan {
    DIR *dirs[DEPTH_MAX + 1];
    size_t path_len[DEPTH_MAX + 1]; /* length of `path` that names the directory, slash included */
    int depth;                      /* of the directory being read; -1 at the end */
    struct buf path;
};

static void push(struct queue_scan *s)
{
    DIR *dir = opendir(buf_cstr(&s->path));

    if (dir == NULL) {
        if (errno != ENOENT)
            log_warning("open directory %s: %m", buf_cstr(&s->path));
        return;
    }
    buf_addc(&s->path, '/');
    s->depth++;
    s->dirs[s->depth] = dir;
    s->path_len[s->depth] = s->path.len;
}

struct queue_scan *queue_scan_open(const char *queue)
{
    struct queue_scan *s = mem_alloc(sizeof *s);

    s->depth = -1;
    s->path = BUF_INIT(0);
    buf_add_cstr(&s->path, queue);
    push(s);
    return s;
}

static unsigned char entry_type(struct queue_scan *s, const struct dirent *entry)
{
    struct stat st;

    if (entry->d_type != DT_UNKNOWN)
        return entry->d_type;
    if (lstat(buf_cstr(&s->path), &st) != 0)
        return DT_UNKNOWN;
    return S_ISREG(st.st_mode) ? DT_REG : S_ISDIR(st.st_mode) ? DT_DIR : DT_UNKNOWN;
}

bool queue_scan_next(struct queue_scan *s, struct queue_id *id)
{
    while (s->depth >= 0) {
        struct dirent *entry = readdir(s->dirs[s->depth]);

        buf_truncate(&s->path, s->path_len[s->depth]);
        if (entry == NULL) {
            closedir(s->dirs[s->depth--]);
            continue;
        }
        /* "." and "..", and what is being created under a temporary name */
        if (!queue_id_parse(str_from(entry->d_name), id))
            continue;
        buf_add_cstr(&s->path, entry->d_name);
        unsigned char type = entry_type(s, entry);
        if (type == DT_REG) {
            (void)buf_cstr(&s->path); /* what queue_scan_path() returns ends with a NUL */
            return true;
        }
        if (type == DT_DIR && s->depth < DEPTH_MAX)
            push(s);
    }
    return false;
}

const char *queue_scan_path(const struct queue_scan *s) { return s->path.ptr; }

void queue_scan_close(struct queue_scan *s)
{
    if (s == NULL)
        return;
    while (s->depth >= 0)
        closedir(s->dirs[s->depth--]);
    buf_free(&s->path);
    free(s);
}
