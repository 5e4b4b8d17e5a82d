#include "queue/notify.h"

#include "os/door.h"
#include "os/fd.h"
#include "os/socket.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#define QMGR_TRIGGER "public/qmgr"

#define NOTICE STR("N") /* before the id; no trigger byte */

/* Sites whose master.cf still says "fifo". */
static bool trigger_fifo(const char *path, struct str request)
{
    FD_AUTO(fd, open(path, O_WRONLY | O_NONBLOCK | O_CLOEXEC));
    struct stat st;

    return fd >= 0 && fstat(fd, &st) == 0 && S_ISFIFO(st.st_mode) && fd_write_all(fd, request);
}

bool queue_trigger(const char *socket_path, struct str request, int timeout_s)
{
    if (door_is_only_way())
        return door_note(socket_path, request);
    FD_AUTO(fd, timeout_s > 0 ? socket_unix_connect(socket_path, timeout_s)
                              : socket_unix_connect_nonblocking(socket_path));

    if (fd < 0)
        return trigger_fifo(socket_path, request);
    return send(fd, request.ptr, request.len, MSG_NOSIGNAL) == (ssize_t)request.len;
}

bool queue_notify(const struct queue_id *id)
{
    BUF_AUTO(request, DOOR_NOTE_MAX);

    buf_join(&request, NOTICE, queue_id_str(id));
    return queue_trigger(QMGR_TRIGGER, buf_str(&request), 0);
}

bool queue_notice_parse(struct str request, struct queue_id *id)
{
    return str_skip_prefix(&request, NOTICE) && queue_id_parse(request, id);
}
