#include "os/lock.h"

#include "os/clock.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/file.h>
#include <time.h>

static bool flock_retry(int fd, int operation)
{
    int result;

    do {
        result = flock(fd, operation);
    } while (result != 0 && errno == EINTR);
    return result == 0;
}

bool lock_shared(int fd) { return flock_retry(fd, LOCK_SH); }
bool lock_exclusive(int fd) { return flock_retry(fd, LOCK_EX); }
bool lock_try_shared(int fd) { return flock_retry(fd, LOCK_SH | LOCK_NB); }
bool lock_try_exclusive(int fd) { return flock_retry(fd, LOCK_EX | LOCK_NB); }

bool lock_fcntl_try_exclusive(int fd)
{
    struct flock whole = { .l_type = F_WRLCK, .l_whence = SEEK_SET };

    return fcntl(fd, F_SETLK, &whole) == 0;
}

struct lock_patience lock_patience_begin(int attempts, int delay_s)
{
    return (struct lock_patience){ .until_ms = clock_now_ms() + (int64_t)attempts * delay_s * 1000,
                                   .next_us = 250,
                                   .longest_us = (int64_t)delay_s * 1000000 };
}

bool lock_patience_wait(struct lock_patience *p)
{
    struct timespec pause = { .tv_sec = p->next_us / 1000000,
                              .tv_nsec = p->next_us % 1000000 * 1000 };

    if (clock_now_ms() >= p->until_ms)
        return false;
    (void)nanosleep(&pause, NULL);
    p->next_us = MIN(p->next_us + p->next_us / 2, p->longest_us);
    return true;
}
