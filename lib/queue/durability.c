#include "queue/durability.h"

#include "base/attr.h"

#include <fcntl.h>
#include <linux/magic.h>
#include <stddef.h>
#include <sys/vfs.h>

#ifndef XFS_SUPER_MAGIC
#define XFS_SUPER_MAGIC 0x58465342
#endif
#ifndef ZFS_SUPER_MAGIC
#define ZFS_SUPER_MAGIC 0x2fc12fc1
#endif

static const struct promise {
    unsigned long magic;
    bool name_by_fsync, ordered;
} promises[] = {
    { EXT4_SUPER_MAGIC, true, true },  { XFS_SUPER_MAGIC, true, true },
    { TMPFS_MAGIC, true, true },       { BTRFS_SUPER_MAGIC, true, false },
    { F2FS_SUPER_MAGIC, true, false }, { ZFS_SUPER_MAGIC, true, false },
};

static struct promise promise_of(const struct statfs *fs)
{
    for (size_t i = 0; i < ARRAY_LEN(promises); i++)
        if (promises[i].magic == (unsigned long)fs->f_type)
            return promises[i];
    return (struct promise){ 0 };
}

bool durability_of_names_by_fsync(int fd)
{
    struct statfs fs;

    return fstatfs(fd, &fs) == 0 && promise_of(&fs).name_by_fsync;
}

bool durability_is_ordered(const char *path)
{
    struct statfs fs;

    return statfs(path, &fs) == 0 && promise_of(&fs).ordered;
}

bool durability_write_out(int fd)
{
    return sync_file_range(fd, 0, 0,
                           SYNC_FILE_RANGE_WAIT_BEFORE | SYNC_FILE_RANGE_WRITE |
                               SYNC_FILE_RANGE_WAIT_AFTER) == 0;
}
