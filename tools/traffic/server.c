#include "tools/traffic/server.h"

#include "base/log.h"
#include "base/number.h"
#include "os/privilege.h"

#include <errno.h>
#include <grp.h>
#include <limits.h>
#include <pwd.h>
#include <stdio.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#define ACCEPTS_PER_EVENT 32

static void on_client(void *context, int fd, uint32_t events)
{
    struct server *s = context;

    (void)events;
    for (int i = 0; i < ACCEPTS_PER_EVENT && !s->is_full && !s->ended; i++) {
        struct net_addr from = { .len = sizeof from.ss };
        int client = accept4(fd, (struct sockaddr *)(void *)&from.ss, &from.len,
                             SOCK_CLOEXEC | SOCK_NONBLOCK);
        if (client < 0) {
            if (errno != EAGAIN && errno != EINTR && errno != ECONNABORTED)
                log_warning("accept: %s", strerror(errno));
            return;
        }
        s->accept(s, client, &from);
        s->is_full = s->talks.count >= (size_t)s->clients_max;
    }
    for (size_t i = 0; s->is_full && i < s->fd_count; i++)
        loop_unwatch(s->talks.loop, s->fds[i]);
}

static void listen_to_all(struct server *s)
{
    for (size_t i = 0; i < s->fd_count; i++)
        loop_watch(s->talks.loop, s->fds[i], EPOLLIN, on_client, s);
}

void server_left(struct server *s)
{
    if (!s->is_full || s->talks.count >= (size_t)s->clients_max)
        return;
    s->is_full = false;
    listen_to_all(s);
}

static void drop_privileges(const struct server *s)
{
    struct passwd *pw = NULL;
    gid_t groups[NGROUPS_MAX];
    int count = ARRAY_LEN(groups);

    if (s->user && (pw = getpwnam(s->user)) == NULL)
        log_fatal("unknown user: %s", s->user);
    if (s->root)
        privilege_chroot(s->root);
    if (pw == NULL)
        return;
    if (getgrouplist(pw->pw_name, pw->pw_gid, groups, &count) < 0)
        log_fatal("too many groups: %s", s->user);
    privilege_drop(s->user, pw->pw_uid, pw->pw_gid, groups, (size_t)count);
}

/* Once for all that a turn of the loop has counted. */
static void show(void *context)
{
    struct server *s = context;
    BUF_AUTO(text, 256);

    if (!s->changed)
        return;
    s->changed = false;
    s->show(s, &text);
    (void)fwrite(text.ptr, 1, text.len, stdout);
    (void)putchar('\r');
    (void)fflush(stdout);
}

void server_open(struct server *s, const char *where, const char *backlog)
{
    struct endpoint e = { .window = s->window };
    int64_t queue;

    if (!number_parse_range(str_from(backlog), 1, INT_MAX, &queue))
        log_fatal("bad backlog: %s", backlog);
    if (s->must_drop && geteuid() == 0 && s->user == NULL)
        log_fatal("-u option is required if running as root");
    endpoint_resolve_passive(where, s->family, &e);
    s->fd_count = endpoint_listen(&e, (int)queue, s->fds);
    drop_privileges(s);
    listen_to_all(s);
    if (s->counts)
        loop_at_turn_end(s->talks.loop, show, s);
}

void server_run(struct server *s)
{
    while (!s->ended)
        loop_run_once(s->talks.loop, -1);
}
