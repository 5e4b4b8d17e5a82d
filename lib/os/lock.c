#include "os/lock.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/file.h>

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
