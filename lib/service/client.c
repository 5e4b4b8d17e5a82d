#include "ipc/attr.h"
#include "os/door.h"
#include "os/fd.h"
#include "os/socket.h"
#include "service/private.h"

#include <sys/socket.h>
#include <unistd.h>

#define PASSED_MAX     4096
#define PASS_TIMEOUT_S 5

/* Type `pass`: an attribute list about the client, and its descriptor, which blocks. */
static int receive_passed(struct service *svc, int carrier)
{
    struct buf *list = &svc->passed;
    FD_AUTO(client, -1);

    (void)socket_set_timeout(carrier, PASS_TIMEOUT_S);
    buf_clear(list);
    while (attr_list_length(buf_str(list)) == 0) {
        size_t room = PASSED_MAX - list->len;
        char *into = room ? buf_reserve(list, room) : NULL;
        int fd = -1;
        ssize_t n = into ? fd_receive_with(carrier, into, room, 0, &fd) : -1;
        if (fd >= 0) {
            fd_close(&client);
            client = fd;
        }
        if (n <= 0)
            return -1;
        list->len += (size_t)n;
    }
    int passed = client;
    client = -1;
    return passed;
}

static bool takes_descriptors(const struct service *svc)
{
    return strcmp(svc->options.transport, "pass") == 0;
}

/* Siblings come through the door (trust.def).  Who comes by path to a private socket is root, or somebody who should not;
 * to a public one anybody may come but they. */
static bool may_come_by_path(const struct service *svc, int fd)
{
    struct ucred peer;
    socklen_t len = sizeof peer;

    if (svc->door_fd < 0 || (svc->spec->serves_others && !takes_descriptors(svc)))
        return true;
    if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &len) != 0)
        return false;
    if (peer.uid == 0)
        return true;
    return !svc->is_private && !(peer.uid == svc->mail_uid && peer.gid == svc->mail_gid);
}

static int accept_by_path(struct service *svc, int listen_fd, int flags)
{
    svc->client.len = sizeof svc->client.ss;
    int fd = accept4(listen_fd, (struct sockaddr *)&svc->client.ss, &svc->client.len,
                     SOCK_CLOEXEC | flags);

    if (fd < 0 || may_come_by_path(svc, fd))
        return fd; /* -1: a sibling was faster, or the client has gone */
    log_warning("a process without the right to call this service was turned away");
    close(fd);
    return -1;
}

static int accept_by_door(int door)
{
    struct door_message sibling;

    return door_take(door, &sibling, 1) == 0 ? -1 : sibling.fd;
}

int service_accept(struct service *svc, int listen_fd, int flags)
{
    bool pass = takes_descriptors(svc);

    svc->client.len = 0;
    int fd = listen_fd == svc->door_fd ? accept_by_door(listen_fd)
                                       : accept_by_path(svc, listen_fd, pass ? 0 : flags);

    if (fd >= 0 && pass) {
        int carrier = fd;
        fd = receive_passed(svc, carrier);
        svc->client.len = 0; /* that of the carrier */
        close(carrier);      /* tells the sender that the client has arrived */
    }
    if (fd >= 0)
        svc->activity++;
    return fd;
}
