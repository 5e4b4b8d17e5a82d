#include "os/fd.h"

#include "base/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#define READ_STEP 65536

void fd_close(int *fd)
{
    if (*fd >= 0)
        close(*fd);
    *fd = -1;
}

bool fd_write_all(int fd, struct str bytes)
{
    while (bytes.len) {
        ssize_t n = write(fd, bytes.ptr, bytes.len);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return false;
        bytes = str_skip(bytes, (size_t)n);
    }
    return true;
}

bool fd_write_until(int fd, struct str bytes, struct deadline until)
{
    while (bytes.len) {
        ssize_t n = write(fd, bytes.ptr, bytes.len);
        if (n > 0) {
            bytes = str_skip(bytes, (size_t)n);
        } else if (n == 0 || (errno != EINTR && errno != EAGAIN)) {
            return false;
        } else if (errno == EAGAIN && fd_wait(fd, POLLOUT, until) == IO_TIMEOUT) {
            errno = ETIMEDOUT;
            return false;
        }
    }
    return true;
}

bool fd_pwrite_all(int fd, struct str bytes, off_t at)
{
    while (bytes.len) {
        ssize_t n = pwrite(fd, bytes.ptr, bytes.len, at);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return false;
        bytes = str_skip(bytes, (size_t)n);
        at += n;
    }
    return true;
}

enum io_result fd_read(int fd, struct buf *into, size_t max)
{
    char *room = buf_reserve(into, max);

    if (room == NULL) {
        errno = EMSGSIZE;
        return IO_ERROR;
    }
    for (;;) {
        ssize_t n = read(fd, room, max);
        if (n > 0) {
            into->len += (size_t)n;
            return IO_OK;
        }
        if (n == 0)
            return IO_EOF;
        if (errno == EINTR)
            continue;
        return errno == EAGAIN || errno == EWOULDBLOCK ? IO_TIMEOUT : IO_ERROR;
    }
}

static bool read_to_end(int fd, struct buf *into, size_t step)
{
    enum io_result result = IO_OK;

    while (result == IO_OK) {
        size_t room = into->max ? MIN(into->max - into->len, step) : step;
        if (room == 0) {
            char one;
            errno = EFBIG;
            return read(fd, &one, 1) == 0;
        }
        result = fd_read(fd, into, room);
    }
    return result == IO_EOF;
}

bool fd_read_all(int fd, struct buf *into) { return read_to_end(fd, into, READ_STEP); }

bool fd_pread_all(int fd, struct buf *into)
{
    struct stat st;

    if (fstat(fd, &st) != 0)
        return false;
    while (into->len < (size_t)st.st_size) {
        size_t left = (size_t)st.st_size - into->len;
        char *room = buf_reserve(into, left);
        ssize_t n = room ? pread(fd, room, left, (off_t)into->len) : -1;
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return false;
        into->len += (size_t)n;
    }
    return true;
}

static bool read_whole(int fd, const struct stat *st, struct buf *into)
{
    /* One byte more than there is, to see the end. */
    bool small = st->st_size > 0 && st->st_size < READ_STEP;

    return read_to_end(fd, into, small ? (size_t)st->st_size + 1 : READ_STEP);
}

bool fd_read_file(int dirfd, const char *path, struct buf *into)
{
    FD_AUTO(fd, openat(dirfd, path, O_RDONLY | O_CLOEXEC));
    struct stat st;

    return fd >= 0 && fstat(fd, &st) == 0 && read_whole(fd, &st, into);
}

bool fd_read_plain_file(const char *path, struct buf *into)
{
    FD_AUTO(fd, open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK));
    struct stat st;

    if (fd < 0 || fstat(fd, &st) != 0)
        return false;
    if (S_ISFIFO(st.st_mode)) {
        errno = EINVAL;
        return false;
    }
    return read_whole(fd, &st, into);
}

static void set_flag(int fd, int get, int set, int flag, bool on)
{
    int flags = fcntl(fd, get);

    int wanted = on ? flags | flag : flags & ~flag;

    if (flags >= 0 && wanted != flags)
        (void)fcntl(fd, set, wanted);
}

int fd_open_parent(const char *path, const char **name)
{
    struct str all = str_from(path);
    size_t slash = str_rfind(all, '/');
    struct str directory = slash == STR_NOT_FOUND ? STR(".") : str_sub(all, 0, slash + 1);
    BUF_AUTO(text, 0);

    *name = slash == STR_NOT_FOUND ? path : path + slash + 1;
    buf_add(&text, directory);
    return open(buf_cstr(&text), O_PATH | O_DIRECTORY | O_CLOEXEC);
}

static bool is_trusted(const struct stat *st) { return st->st_uid == 0 || st->st_uid == geteuid(); }

static bool is_trusted_link(int dir, const char *name, bool dir_is_trusted)
{
    struct stat st;

    return dir_is_trusted && fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) == 0 && is_trusted(&st);
}

int fd_open_log(const char *path, int flags)
{
    const char *name;
    FD_AUTO(dir, fd_open_parent(path, &name));
    struct stat st;

    if (dir < 0 || fstat(dir, &st) != 0)
        return -1;
    bool trusted = is_trusted(&st);
    flags |= O_WRONLY | O_APPEND | O_CLOEXEC | O_NOCTTY;
    int fd = openat(dir, name, flags | O_NOFOLLOW, 0600);
    if (fd < 0 && errno == ELOOP && is_trusted_link(dir, name, trusted))
        fd = openat(dir, name, flags, 0600);
    if (fd >= 0 && !trusted && (fstat(fd, &st) != 0 || st.st_nlink != 1)) {
        fd_close(&fd);
        errno = EMLINK;
    }
    return fd;
}

struct fd_name fd_name(int fd)
{
    struct fd_name name;

    (void)snprintf(name.text, sizeof name.text, "/proc/self/fd/%d", fd);
    return name;
}

void fd_set_nonblocking(int fd, bool on) { set_flag(fd, F_GETFL, F_SETFL, O_NONBLOCK, on); }
void fd_set_cloexec(int fd, bool on) { set_flag(fd, F_GETFD, F_SETFD, FD_CLOEXEC, on); }

enum io_result fd_wait(int fd, short events, struct deadline until)
{
    struct pollfd p = { .fd = fd, .events = events };

    for (;;) {
        int n = poll(&p, 1, deadline_left_ms(until));
        if (n > 0)
            return IO_OK;
        if (n == 0)
            return IO_TIMEOUT;
        if (errno != EINTR)
            return IO_ERROR;
    }
}

union fd_message {
    struct cmsghdr head;
    char space[CMSG_SPACE(sizeof(int))];
};

static struct msghdr message_with_room(struct iovec *payload, union fd_message *control)
{
    return (struct msghdr){ .msg_iov = payload,
                            .msg_iovlen = 1,
                            .msg_control = control->space,
                            .msg_controllen = sizeof control->space };
}

ssize_t fd_send_with(int socket, struct str bytes, int fd, int flags)
{
    struct iovec payload = { mem_unconst(bytes.ptr), bytes.len };
    union fd_message control = { 0 };
    struct msghdr m = message_with_room(&payload, &control);
    struct cmsghdr *c = CMSG_FIRSTHDR(&m);

    c->cmsg_level = SOL_SOCKET;
    c->cmsg_type = SCM_RIGHTS;
    c->cmsg_len = CMSG_LEN(sizeof(int));
    memcpy(CMSG_DATA(c), &fd, sizeof fd);
    return sendmsg(socket, &m, MSG_NOSIGNAL | flags);
}

/* The first descriptor; alignment leaves room for one more, which nobody asked for. */
static int first_of(const struct cmsghdr *c)
{
    int fds[2] = { -1, -1 };

    if (c == NULL || c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
        return -1;
    memcpy(fds, CMSG_DATA(c), MIN(c->cmsg_len - CMSG_LEN(0), sizeof fds));
    fd_close(&fds[1]);
    return fds[0];
}

ssize_t fd_receive_with(int socket, void *into, size_t room, int flags, int *fd)
{
    struct iovec payload = { into, room };
    union fd_message control = { 0 };
    struct msghdr m = message_with_room(&payload, &control);
    ssize_t n = recvmsg(socket, &m, MSG_CMSG_CLOEXEC | flags);

    *fd = n > 0 ? first_of(CMSG_FIRSTHDR(&m)) : -1;
    return n;
}

bool fd_send(int socket, int fd, int flags)
{
    return fd_send_with(socket, STR("\0"), fd, flags) == 1;
}

int fd_receive(int socket)
{
    char byte;
    int fd;

    if (fd_receive_with(socket, &byte, 1, 0, &fd) <= 0)
        return -1;
    if (fd < 0)
        errno = EBADMSG;
    return fd;
}
