#include "conf/internal.h"
#include "os/fd.h"

#include <errno.h>

#define FILE_MAX (64 << 10)

bool origin_read(const char *path, struct buf *origin, struct buf *error)
{
    BUF_AUTO(text, FILE_MAX);

    buf_clear(error);
    if (!fd_read_plain_file(path, &text)) {
        buf_join(error, str_from(path), STR(": cannot open file: "), str_from(strerror(errno)));
        return false;
    }
    struct str rest = buf_str(&text), line = str_trim(str_cut(&rest, '\n'));
    if (line.len == 0) {
        buf_join(error, STR("myorigin file "), str_from(path), STR(" is empty"));
        return false;
    }
    buf_add(origin, line);
    return true;
}
