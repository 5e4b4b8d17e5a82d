#include "queue/spare.h"

#include "os/fd.h"
#include "queue/dir.h"
#include "queue/durability.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

bool queue_spares_are_safe(void) { return durability_is_ordered(QUEUE_ACTIVE); }

static void name_spare(unsigned n, struct buf *path)
{
    buf_clear(path);
    buf_addf(path, "%s/%u", QUEUE_SPARE, n);
}

static bool may_be_kept(const char *path)
{
    struct stat st;

    return lstat(path, &st) == 0 && S_ISREG(st.st_mode) && st.st_size <= QUEUE_SPARE_SIZE_MAX;
}

bool queue_spare_put(struct queue_spares *s, const char *path)
{
    BUF_AUTO(spare, 32);
    uint64_t empty = ~(atomic_load(&s->full) | atomic_load(&s->taken));

    if (empty == 0) {
        errno = ENOSPC;
        return false;
    }
    unsigned n = (unsigned)__builtin_ctzll(empty);
    name_spare(n, &spare);
    /* What lies there is left over from an earlier life. */
    if (!may_be_kept(path) || rename(path, buf_cstr(&spare)) != 0)
        return false;
    atomic_fetch_or(&s->full, UINT64_C(1) << n);
    return true;
}

/* Claim the first full place from `start` on; QUEUE_SPARES: there is none.  It must not look empty before its file has gone. */
static unsigned claim(struct queue_spares *s, unsigned start)
{
    for (uint64_t full; (full = atomic_load(&s->full) & ~atomic_load(&s->taken)) != 0;) {
        uint64_t behind = full & (UINT64_MAX << start);
        unsigned n = (unsigned)__builtin_ctzll(behind ? behind : full);
        uint64_t bit = UINT64_C(1) << n;
        if (atomic_fetch_or(&s->taken, bit) & bit)
            continue;
        if (atomic_fetch_and(&s->full, ~bit) & bit)
            return n;
        atomic_fetch_and(&s->taken, ~bit);
    }
    return QUEUE_SPARES;
}

static void release(struct queue_spares *s, unsigned n)
{
    atomic_fetch_and(&s->taken, ~(UINT64_C(1) << n));
}

/* A hard link would let somebody read, or change, the message that comes. */
static bool is_ours_alone(int fd, uid_t owner, struct queue_spare *spare)
{
    struct stat st;

    if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode) || st.st_nlink != 1 || st.st_uid != owner)
        return false;
    spare->size = st.st_size;
    spare->inode = st.st_ino;
    return true;
}

int queue_spare_take(struct queue_spares *s, uid_t owner, unsigned hint, struct queue_spare *spare)
{
    spare->place = s ? claim(s, hint % QUEUE_SPARES) : QUEUE_SPARES;
    if (spare->place == QUEUE_SPARES)
        return -1;
    name_spare(spare->place, &spare->path);
    int fd = open(buf_cstr(&spare->path), O_RDWR | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    if (fd >= 0 && is_ours_alone(fd, owner, spare) && fchmod(fd, QUEUE_MODE_INCOMPLETE) == 0)
        return fd;
    fd_close(&fd);
    (void)unlink(buf_cstr(&spare->path));
    release(s, spare->place);
    return -1;
}

bool queue_spare_done(struct queue_spares *s, const struct queue_spare *spare, int fd)
{
    struct stat st;

    release(s, spare->place);
    return fstat(fd, &st) == 0 && st.st_nlink == 1;
}

void queue_spares_clear(struct queue_spares *s)
{
    BUF_AUTO(path, 32);

    atomic_store(&s->full, 0);
    atomic_store(&s->taken, 0);
    for (unsigned n = 0; n < QUEUE_SPARES; n++) {
        name_spare(n, &path);
        (void)unlink(buf_cstr(&path));
    }
}
