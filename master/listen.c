/* Listening sockets.  An unchanged address keeps its descriptor over a reload, so that no client in its
 * queue is lost. */
#include "base/log.h"
#include "base/mem.h"
#include "master/endpoint.h"
#include "master/master.h"
#include "master/owner.h"
#include "os/fd.h"
#include "os/socket.h"
#include "queue/dir.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#define BACKLOG       4096 /* the kernel takes somaxconn when that is less */
#define SOCKET_MODE   0666 /* access is a matter of the directory */
#define USERS_BACKLOG 64

#define BIND_ATTEMPTS 20
#define BIND_PAUSE_MS 100

/* Processes of a master that just ended may need a moment to let go of the port. */
static int listen_inet(const struct service *s, const char *where)
{
    struct net_addr address;
    int fd;

    if (!endpoint_parse(where, &address))
        log_fatal("service %s: bad address %s", s->line.name, where);
    for (int attempt = 0; attempt < BIND_ATTEMPTS; attempt++) {
        fd = socket_inet_listen(&address, site_conf.tcp_windowsize, BACKLOG);
        if (fd >= 0 || errno != EADDRINUSE)
            break;
        (void)poll(NULL, 0, BIND_PAUSE_MS);
        errno = EADDRINUSE;
    }
    return fd;
}

/* The reading end of a fifo is also opened for writing, so that it never sees the end of file. */
static int listen_fifo(const char *path)
{
    struct stat st;

    if (unlink(path) != 0 && errno != ENOENT)
        return -1;
    if (mkfifo(path, 0622) != 0 || chmod(path, 0622) != 0)
        return -1;
    int fd = open(path, O_RDWR | O_NONBLOCK | O_CLOEXEC | O_NOFOLLOW);
    if (fd >= 0 && (fstat(fd, &st) != 0 || !S_ISFIFO(st.st_mode))) {
        close(fd);
        errno = EPERM;
        return -1;
    }
    return fd;
}

/* Service names may hold slashes: private/a/b. */
static void make_parents(const char *path)
{
    for (const char *slash = strchr(path, '/'); slash; slash = strchr(slash + 1, '/')) {
        BUF_AUTO(dir, 0);
        buf_add(&dir, (struct str){ path, (size_t)(slash - path) });
        if (slash != strchr(path, '/') && mkdir(buf_cstr(&dir), 0700) != 0 && errno != EEXIST)
            log_warning("create directory %s: %s", buf_cstr(&dir), strerror(errno));
    }
}

/* The directory belongs to mail_owner, so the socket is made with that user's rights: root following names
 * there could be led astray. */
static int listen_local(const struct service *s, const char *path)
{
    int type = s->line.type == MASTER_UNIX_DGRAM ? SOCK_DGRAM : SOCK_STREAM;

    owner_become();
    make_parents(path);
    int fd = s->line.type == MASTER_FIFO ? listen_fifo(path)
                                         : socket_unix_listen(path, type, SOCKET_MODE, BACKLOG);
    int saved = errno;
    owner_leave();
    errno = saved;
    return fd;
}

/* Whole messages come here, each of them in one packet.  The directory is root's, so nobody leads us or our callers
 * astray.  Few may wait: who finds no place goes by maildrop/ (pickup/straight.h). */
static int listen_to_users(const char *path)
{
    if (mkdir(QUEUE_SUBMIT, 0755) == 0)
        (void)chmod(QUEUE_SUBMIT, 0755); /* whatever the umask */
    return socket_unix_listen(path, SOCK_SEQPACKET, SOCKET_MODE, USERS_BACKLOG);
}

static bool is_for_users(const char *where)
{
    return str_starts(str_from(where), STR(QUEUE_SUBMIT "/"));
}

static bool is_listening(const struct service *s, const char *where)
{
    for (size_t i = 0; i < s->listener_count; i++)
        if (strcmp(s->listeners[i].where, where) == 0)
            return true;
    return false;
}

/* A kernel without IPv6 has no wildcard for it; that is not an error. */
static bool is_absent_family(const char *where)
{
    return errno == EAFNOSUPPORT && strchr(where, '[') == where;
}

/* At start nobody is served yet, and who starts us should know.  At reload a port that another program has taken must
 * not take the mail system down. */
static void report_failure(const struct service *s, const char *where)
{
    const char *reason = strerror(errno);
    BUF_AUTO(what, 0);

    if (s->line.type == MASTER_INET) {
        struct str host = str_from(where);
        struct str port = str_skip(host, str_rfind(host, ':') + 1);
        buf_join(&what, str_sub(host, 0, str_rfind(host, ':')), STR(" port "), port);
    } else {
        buf_add_cstr(&what, where);
    }
    if (s->master->generation == 1)
        log_fatal("bind %s: %s", buf_cstr(&what), reason);
    log_error("bind %s: %s; nobody listens there until the next reload", buf_cstr(&what), reason);
}

static int listen_at(const struct service *s, const char *where)
{
    if (s->line.type == MASTER_INET)
        return listen_inet(s, where);
    return is_for_users(where) ? listen_to_users(where) : listen_local(s, where);
}

static void add_listener(struct service *s, const char *where)
{
    int fd = listen_at(s, where);

    if (fd < 0 && is_absent_family(where))
        return;
    if (fd < 0 && is_for_users(where)) { /* they have another way */
        log_warning("bind %s: %s", where, strerror(errno));
        return;
    }
    if (fd < 0) {
        report_failure(s, where);
        return;
    }
    fd_set_nonblocking(fd, true);
    s->listeners = mem_resize(s->listeners, (s->listener_count + 1) * sizeof *s->listeners);
    s->listeners[s->listener_count++] = (struct listener){ mem_copy_cstr(where), fd };
}

void listen_open(struct service *s)
{
    door_open_service(s);
    for (const char **where = s->line.where; *where; where++)
        if (!is_listening(s, *where))
            add_listener(s, *where);
}

static bool is_wanted(const struct service_line *line, const char *where)
{
    for (const char **w = line ? line->where : NULL; w && *w; w++)
        if (strcmp(*w, where) == 0)
            return true;
    return false;
}

/* Is the socket's name still there, or did somebody clean up the directory? */
static bool is_reachable(const struct service *s, const struct listener *l)
{
    struct stat st;

    return s->line.type == MASTER_INET || lstat(l->where, &st) == 0;
}

static void remove_name(const struct service *s, const char *where)
{
    if (s->line.type == MASTER_INET)
        return;
    if (!is_for_users(where))
        owner_become();
    (void)unlink(where);
    owner_leave();
}

static void close_listener(struct service *s, struct listener *l)
{
    loop_unwatch(s->master->loop, l->fd);
    /* A process that still serves a client has the descriptor too: nobody shall wait there, and the port is free. */
    (void)shutdown(l->fd, SHUT_RDWR);
    close(l->fd);
    remove_name(s, l->where);
    free(l->where);
}

void listen_close_except(struct service *s, const struct service_line *line)
{
    size_t kept = 0;

    for (size_t i = 0; i < s->listener_count; i++) {
        if (is_wanted(line, s->listeners[i].where) && is_reachable(s, &s->listeners[i]))
            s->listeners[kept++] = s->listeners[i];
        else
            close_listener(s, &s->listeners[i]);
    }
    s->listener_count = kept;
}
