#include "os/door.h"

#include "base/log.h"
#include "base/mem.h"
#include "base/number.h"
#include "os/fd.h"
#include "os/socket.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

struct door {
    struct str path;
    int fd;
};

/* What this process was handed: set once, before it does anything else. */
static struct {
    struct door *list;
    size_t count;
    bool attached;
} doors;

static void add_door(struct str item)
{
    struct str path = str_cut(&item, '=');
    int64_t fd;

    if (!number_parse_range(item, 0, INT32_MAX, &fd))
        log_fatal("bad " DOORS_ENV ": " STR_FMT, STR_ARG(path));
    fd_set_cloexec((int)fd, true);
    doors.list = mem_resize(doors.list, (doors.count + 1) * sizeof *doors.list);
    doors.list[doors.count++] = (struct door){ path, (int)fd };
}

void door_attach(void)
{
    const char *text = getenv(DOORS_ENV);
    struct str rest, item;

    if (text == NULL)
        return;
    doors.attached = true;
    rest =
        str_from(mem_copy_cstr(text)); /* the paths point into it, as long as the process lives */
    while (str_token(&rest, " ", &item))
        add_door(item);
}

bool door_is_only_way(void) { return doors.attached; }

static int find_door(const char *path)
{
    for (size_t i = 0; i < doors.count; i++)
        if (str_equal(doors.list[i].path, str_from(path)))
            return doors.list[i].fd;
    return -1;
}

bool door_is_there(const char *path) { return find_door(path) >= 0; }

static bool is_full(void) { return errno == EAGAIN || errno == ENOBUFS || errno == ETOOMANYREFS; }

/* The door's queue is shared with others who call: wait until there is room. */
static bool send_descriptor(int door, int fd, int patience_s)
{
    struct deadline until = deadline_in(patience_s);

    while (!fd_send(door, fd, MSG_DONTWAIT)) {
        if (errno == EINTR)
            continue;
        if (!is_full())
            return false;
        if (patience_s == 0 || fd_wait(door, POLLOUT, until) != IO_OK) {
            errno = EAGAIN;
            return false;
        }
    }
    return true;
}

static int connect_through(int door, int patience_s)
{
    int ends[2];

    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0)
        return -1;
    bool sent = send_descriptor(door, ends[1], patience_s);
    int saved = errno;
    close(ends[1]);
    if (!sent)
        fd_close(&ends[0]);
    errno = saved;
    return ends[0];
}

int door_connect(const char *path, int patience_s)
{
    int door = find_door(path);

    if (door >= 0)
        return connect_through(door, patience_s);
    if (doors.attached) {
        errno = ENOENT;
        return -1;
    }
    return patience_s ? socket_unix_connect(path, patience_s)
                      : socket_unix_connect_nonblocking(path);
}

bool door_note(const char *path, struct str note)
{
    int door = find_door(path);

    if (door < 0)
        errno = ENOENT;
    return door >= 0 && send(door, note.ptr, note.len, MSG_DONTWAIT | MSG_NOSIGNAL) >= 0;
}

/* Notes that find no room are lost, and what they told of has to be searched for: room for some thousands. */
static void make_room(int callers)
{
    static const int bytes =
        1024 * 1024; /* the kernel takes about 1 KiB for each message; it doubles this */

    if (setsockopt(callers, SOL_SOCKET, SO_SNDBUFFORCE, &bytes, sizeof bytes) !=
        0) /* no root in a container */
        (void)setsockopt(callers, SOL_SOCKET, SO_SNDBUF, &bytes, sizeof bytes);
}

int door_open(int ends[2])
{
    int result = socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends);

    if (result == 0)
        make_room(ends[1]);
    return result;
}

/* ---- the service's side */

union control {
    struct cmsghdr align;
    char room[CMSG_SPACE(sizeof(int))];
};

/* Only a stream can be waited for with a time limit; the sender may have put anything in. */
static int checked_stream(int fd)
{
    int type = 0;
    socklen_t len = sizeof type;

    if (getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &len) == 0 && type == SOCK_STREAM)
        return fd;
    close(fd);
    return -1;
}

/* False: neither a connection nor a note. */
static bool read_message(struct msghdr *head, size_t len, struct door_message *m)
{
    struct cmsghdr *c = CMSG_FIRSTHDR(head);

    m->fd = -1;
    m->len = len;
    if (c == NULL || c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
        return len > 0;
    memcpy(&m->fd, CMSG_DATA(c), sizeof m->fd);
    return (m->fd = checked_stream(m->fd)) >= 0;
}

size_t door_take(int door, struct door_message *messages, size_t max)
{
    struct mmsghdr heads[DOOR_BATCH] = { 0 };
    struct iovec parts[DOOR_BATCH];
    union control controls[DOOR_BATCH];
    size_t good = 0;

    max = MIN(max, DOOR_BATCH);
    for (size_t i = 0; i < max; i++) {
        parts[i] = (struct iovec){ messages[i].note, DOOR_NOTE_MAX };
        heads[i].msg_hdr = (struct msghdr){ .msg_iov = &parts[i],
                                            .msg_iovlen = 1,
                                            .msg_control = controls[i].room,
                                            .msg_controllen = sizeof controls[i].room };
    }
    int n = recvmmsg(door, heads, (unsigned)max, MSG_DONTWAIT | MSG_CMSG_CLOEXEC, NULL);
    for (int i = 0; i < n; i++) {
        struct door_message m = messages[i];
        if (read_message(&heads[i].msg_hdr, heads[i].msg_len, &m))
            messages[good++] = m;
    }
    return good;
}
