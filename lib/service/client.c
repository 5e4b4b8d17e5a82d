#include "os/door.h"
#include "os/fd.h"
#include "os/socket.h"
#include "service/private.h"

#include <sys/socket.h>
#include <unistd.h>

#define PASSED_MAX     4096
#define PASS_TIMEOUT_S 5

/* Type `pass`: the connection brings the client's descriptor, which blocks, then what its sender knows of the client. */
static int receive_passed(struct service *svc, int carrier)
{
    enum io_result result = IO_OK;

    (void)socket_set_timeout(carrier, PASS_TIMEOUT_S);
    int client = fd_receive(carrier);
    if (client < 0)
        return -1;
    buf_clear(&svc->passed);
    while (result == IO_OK && svc->passed.len < PASSED_MAX)
        result = fd_read(carrier, &svc->passed, PASSED_MAX - svc->passed.len);
    if (result == IO_OK || result == IO_EOF)
        return client;
    close(client);
    return -1;
}

/* Siblings come through the door (trust.def).  Who comes by path to a private socket is root, or somebody who should not;
 * to a public one anybody may come but they. */
static bool may_come_by_path(const struct service *svc, int fd)
{
    struct ucred peer;
    socklen_t len = sizeof peer;

    if (svc->door_fd < 0)
        return true;
    if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &len) != 0)
        return false;
    if (peer.uid == 0)
        return true;
    return !svc->is_private && !(peer.uid == svc->mail_uid && peer.gid == svc->mail_gid);
}

static int accept_by_path(struct service *svc, int listen_fd, int flags)
{
    int fd = accept4(listen_fd, NULL, NULL, SOCK_CLOEXEC | flags);

    if (fd < 0 || may_come_by_path(svc, fd))
        return fd; /* -1: a sibling was faster, or the client has gone */
    log_warning("a process without the right to call this service was turned away");
    close(fd);
    return -1;
}

int service_accept(struct service *svc, int listen_fd, int flags)
{
    struct door_message sibling;

    if (listen_fd == svc->door_fd) {
        if (door_take(listen_fd, &sibling, 1) == 0 || sibling.fd < 0)
            return -1;
        svc->activity++;
        return sibling.fd;
    }
    bool pass = strcmp(svc->options.transport, "pass") == 0;
    int fd = accept_by_path(svc, listen_fd, pass ? 0 : flags);

    if (fd < 0)
        return -1;
    if (pass) {
        int client = receive_passed(svc, fd);
        close(fd);
        if (client < 0)
            return -1;
        fd = client;
    }
    svc->activity++;
    return fd;
}
