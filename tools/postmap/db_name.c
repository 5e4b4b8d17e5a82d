#include "tools/postmap/db_name.h"

#include "base/buf.h"
#include "base/log.h"
#include "os/fd.h"
#include "table/index_file.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* What of a Berkeley DB file tells its kind, in the byte order of its maker. */
enum { MAGIC_AT = 12, MAGIC_BTREE = 0x053162, MAGIC_HASH = 0x061561 };

static bool is_berkeley(int dir, const char *name)
{
    uint32_t magic = 0;
    int fd = openat(dir, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
    bool whole = fd >= 0 && pread(fd, &magic, sizeof magic, MAGIC_AT) == sizeof magic;

    fd_close(&fd);
    return whole && (magic == MAGIC_BTREE || magic == MAGIC_HASH);
}

static bool is_later(const struct stat *a, const struct stat *b)
{
    return a->st_mtim.tv_sec != b->st_mtim.tv_sec ? a->st_mtim.tv_sec > b->st_mtim.tv_sec
                                                  : a->st_mtim.tv_nsec > b->st_mtim.tv_nsec;
}

static bool is_outdated(int dir, const char *name, const char *source_name)
{
    struct stat old, source;

    return fstatat(dir, name, &old, AT_SYMLINK_NOFOLLOW) == 0 && S_ISREG(old.st_mode) &&
           fstatat(dir, source_name, &source, 0) == 0 && is_later(&source, &old) &&
           is_berkeley(dir, name);
}

/* An index of ours that was moved or copied here, which the new one takes the place of. */
static bool is_ours(int dir, const char *name)
{
    struct fd_name path = fd_name(dir);
    BUF_AUTO(file, 0);

    buf_join(&file, str_from(path.text), STR("/"), str_from(name));
    return table_is_index(buf_cstr(&file));
}

static bool leads_to(int dir, const char *name, const char *target)
{
    char found[NAME_MAX + 1];
    ssize_t n = readlinkat(dir, name, found, sizeof found);

    return n > 0 && str_equal((struct str){ found, (size_t)n }, str_from(target));
}

/* 0 or an errno value. */
static int replace(int dir, const char *target, const char *name)
{
    BUF_AUTO(temporary, 0);

    buf_addf(&temporary, "%s.%ld.tmp", name, (long)getpid());
    (void)unlinkat(dir, buf_cstr(&temporary), 0);
    if (symlinkat(target, dir, buf_cstr(&temporary)) != 0)
        return errno;
    if (renameat(dir, buf_cstr(&temporary), dir, name) == 0)
        return 0;
    int reason = errno;
    (void)unlinkat(dir, buf_cstr(&temporary), 0);
    return reason;
}

void db_name_keep(const char *index)
{
    BUF_AUTO(source, 0);
    BUF_AUTO(old, 0);
    const char *name;
    int reason = 0, dir = fd_open_parent(index, &name);

    buf_add(&source, (struct str){ name, strlen(name) - strlen(TABLE_INDEX_SUFFIX) });
    buf_join(&old, buf_str(&source), STR(".db"));
    if (symlinkat(name, dir, buf_cstr(&old)) != 0)
        reason = errno;
    if (reason == EEXIST && leads_to(dir, buf_cstr(&old), name))
        reason = 0;
    if (reason == EEXIST)
        reason = is_ours(dir, buf_cstr(&old)) || is_outdated(dir, buf_cstr(&old), buf_cstr(&source))
                     ? replace(dir, name, buf_cstr(&old))
                     : 0;
    if (reason != 0)
        log_warning("cannot link " STR_FMT " to %s: %s", STR_ARG(buf_str(&old)), index,
                    strerror(reason));
    fd_close(&dir);
}
