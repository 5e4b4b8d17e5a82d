/* A service in master.cf whose program is not installed: its sockets exist, clients get a closed connection
 * at once instead of a wait, and the log says what to do.  The queue manager then defers the mail. */
#include "base/log.h"
#include "master/master.h"
#include "os/door.h"

#include <sys/socket.h>
#include <unistd.h>

#define DROP_ROOM 4096

static void warn(struct service *s)
{
    int64_t now = clock_now_ms();

    if (s->missing_warned_ms &&
        now - s->missing_warned_ms < (int64_t)site_conf.service_throttle_time * 1000)
        return;
    s->missing_warned_ms = now;
    log_warning(
        "service \"%s\" (%s): program %s is not installed: install it, or remove the service from "
        "master.cf; until then its clients are turned away",
        s->line.name, s->line.label, s->line.path);
}

bool refuse_is_needed(struct service *s)
{
    s->missing = access(s->line.path, X_OK) != 0;
    if (s->missing)
        warn(s);
    return s->missing;
}

void refuse_client(struct service *s, int listen_fd)
{
    char bytes[DROP_ROOM];
    struct door_message sibling;

    if (s->line.type == MASTER_UNIX_DGRAM || s->line.type == MASTER_FIFO) {
        (void)!read(listen_fd, bytes, sizeof bytes);
        return;
    }
    if (listen_fd == s->door[0]) {
        if (door_take(listen_fd, &sibling, 1) && sibling.fd >= 0)
            close(sibling.fd);
        return;
    }
    int fd = accept4(listen_fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (fd >= 0)
        close(fd);
}
