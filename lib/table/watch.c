/* Noticing that the file behind a table was replaced or edited. */
#include "os/fd.h"
#include "table/driver.h"

#include <errno.h>
#include <fcntl.h>
#include <time.h>
#include <unistd.h>

/* An editor may save a text file in several steps; it counts as changed when it has been quiet for
 * this long. */
enum { TEXT_SETTLE_SECONDS = 2 };

/* A file that has been replaced since it was opened has no name any more: it is noticed as if that happened now. */
void table_watch_start(struct table *t, int fd, bool owned, bool text)
{
    struct stat st;

    bool known = fstat(fd, &st) == 0;
    if (known)
        t->owner = st.st_uid;
    if (!known || !S_ISREG(st.st_mode)) {
        if (owned)
            close(fd);
        return;
    }
    t->watch = (struct table_watch){ .fd = fd,
                                     .link = -1,
                                     .owned = owned,
                                     .text = text,
                                     .links = MAX(st.st_nlink, 1),
                                     .changed = st.st_mtim };
}

/* Of those that `path` leads through: -1 if there is none. */
static int open_deepest_directory(const char *path)
{
    BUF_AUTO(text, 0);
    size_t slash;
    int dir = -1;

    buf_add_cstr(&text, path);
    while (dir < 0 && (slash = str_rfind(buf_str(&text), '/')) != STR_NOT_FOUND) {
        text.len = slash;
        dir = open(slash ? buf_cstr(&text) : "/", O_PATH | O_DIRECTORY | O_CLOEXEC);
    }
    return dir;
}

void table_watch_absent(struct table *t, const char *path)
{
    struct stat st;
    int dir = open_deepest_directory(path);

    if (dir >= 0 && fstat(dir, &st) == 0)
        t->watch = (struct table_watch){
            .fd = dir, .link = -1, .owned = true, .links = st.st_nlink, .changed = st.st_mtim
        };
    else
        fd_close(&dir);
}

void table_watch_link(struct table *t, const char *path)
{
    struct stat st;
    int link = open(path, O_PATH | O_NOFOLLOW | O_CLOEXEC);

    if (link >= 0 && fstat(link, &st) == 0 && S_ISLNK(st.st_mode))
        t->watch.link = link;
    else
        fd_close(&link);
}

static bool is_gone(int link)
{
    struct stat st;

    return link >= 0 && fstat(link, &st) == 0 && st.st_nlink == 0;
}

bool table_watch_has_changed(const struct table_watch *w)
{
    struct stat st;

    if (is_gone(w->link))
        return true;
    if (w->fd < 0 || fstat(w->fd, &st) != 0)
        return false;
    if (st.st_nlink < w->links)
        return true;
    if (st.st_mtim.tv_sec == w->changed.tv_sec && st.st_mtim.tv_nsec == w->changed.tv_nsec)
        return false;
    return !w->text || st.st_mtim.tv_sec + TEXT_SETTLE_SECONDS <= time(NULL);
}

bool table_read_file(struct table *t, struct str name, struct buf *text, struct buf *error)
{
    BUF_AUTO(path, 0);

    buf_add(&path, name);
    int fd = open(buf_cstr(&path), O_RDONLY | O_CLOEXEC);
    struct stat before;
    if (fd >= 0 && fstat(fd, &before) == 0 && fd_read_all(fd, text)) {
        table_watch_start(t, fd, true, true);
        t->watch.changed = before.st_mtim; /* what was written meanwhile may not have been read */
        return true;
    }
    int reason = errno;
    fd_close(&fd);
    buf_join(error, STR("open "), name, STR(": "), str_from(strerror(reason)));
    return false;
}
