#include "delivery/store_sync.h"

#include "base/buf.h"
#include "delivery/rights.h"
#include "os/fd.h"
#include "queue/durability.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

static int open_directory(const struct store_target *t, const char *path)
{
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    if (fd >= 0 || errno != EACCES)
        return fd;
    rights_leave();
    fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int error = errno;
    rights_enter(t->uid, t->gid);
    errno = error;
    return fd;
}

bool store_sync_names(const struct store_target *t, const char *path)
{
    size_t slash = str_rfind(str_from(path), '/');
    BUF_AUTO(above, 0);

    buf_add(&above, slash == STR_NOT_FOUND ? STR(".") : str_sub(str_from(path), 0, slash + 1));
    FD_AUTO(dir, open_directory(t, buf_cstr(&above)));
    return dir >= 0 && fsync(dir) == 0;
}

bool store_sync_way(int above) { return durability_of_names_by_fsync(above) || fsync(above) == 0; }
