#include "table/index_file.h"

#include "os/fd.h"

#include <fcntl.h>
#include <unistd.h>

/* What an LMDB file has behind the head of its first page, in the byte order of its maker. */
enum { MAGIC_AT = 16 };
#define MAGIC UINT32_C(0xBEEFC0DE)

bool table_is_index(const char *path)
{
    uint32_t magic = 0;
    int fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    bool whole = fd >= 0 && pread(fd, &magic, sizeof magic, MAGIC_AT) == sizeof magic;

    fd_close(&fd);
    return whole && magic == MAGIC;
}

void table_index_file(struct str type, struct str name, struct buf *path)
{
    size_t start = path->len;

    if (!str_equal(type, STR("lmdb"))) {
        buf_join(path, name, STR(TABLE_TRADITIONAL_SUFFIX));
        if (table_is_index(buf_cstr(path) + start))
            return;
        path->len = start;
    }
    buf_join(path, name, STR(TABLE_INDEX_SUFFIX));
}
