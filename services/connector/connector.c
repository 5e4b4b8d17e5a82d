/* connector - connect to the servers that main.cf names, for daemons whose jail lets them connect to nothing.
 *
 * A daemon that is still root opens a channel and puts on it, once, the endpoints of its configuration; later, in its jail,
 * it asks for one of them by number and gets a connected descriptor.  So a daemon that was taken over reaches what its
 * configuration names and nothing else.  master(8) starts this service without an entry in master.cf.
 *
 * Runs as:   mail_owner with the groups that the site has put it into, outside of any chroot whatever master.cf says
 * Trusts:    main.cf, and the list of a channel, which root wrote
 * Distrusts: what a channel asks for when its list is closed */
#include "ipc/messages/connector.h"

#include "base/arena.h"
#include "base/log.h"
#include "base/mem.h"
#include "ipc/channel.h"
#include "os/fd.h"
#include "os/socket.h"
#include "service/service.h"
#include "services/connector/dial.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#define READ_SIZE 1024
#define READ_MAX  (CONNECTOR_ENDPOINT_MAX + READ_SIZE)

struct client {
    int fd;
    struct buf in;
    struct arena arena;
    struct str entries[CONNECTOR_ENTRIES_MAX];
    int count;
    bool closed; /* the list */
    bool broken; /* an answer did not go out */
    struct dial dial;
};

static struct {
    struct service *svc;
    struct lookups *lookups;
    size_t clients;
} connector;

static void drop(struct client *c)
{
    dial_cancel(&c->dial);
    loop_unwatch(service_loop(connector.svc), c->fd);
    close(c->fd);
    buf_free(&c->in);
    arena_free(&c->arena);
    free(c);
    connector.clients--;
}

/* ---- answers: they are short, and the client asked for one at a time */

static bool send_bytes(struct client *c, struct str bytes)
{
    return send(c->fd, bytes.ptr, bytes.len, MSG_DONTWAIT | MSG_NOSIGNAL) == (ssize_t)bytes.len;
}

static bool send_refusal(struct client *c, int error, const char *text)
{
    BUF_AUTO(body, 0);
    BUF_AUTO(out, 0);

    buf_addc(&out, '\0'); /* in the place of the byte that brings a descriptor */
    connector_refusal_encode(&body, &(struct connector_refusal){ error, str_from(text) });
    return channel_frame(&out, CONNECTOR_REFUSAL, buf_str(&body)) && send_bytes(c, buf_str(&out));
}

/* What cannot be sent was for one who has gone, which is an event of its own, or who does not read. */
static void on_dialled(void *context, int fd, int error, const char *text)
{
    struct client *c = context;

    c->broken = !(fd >= 0 ? fd_send(c->fd, fd, MSG_DONTWAIT) : send_refusal(c, error, text));
    fd_close(&fd);
}

/* ---- requests */

static bool take_name(struct client *c, struct str body)
{
    struct connector_name name;

    if (c->closed || c->count == CONNECTOR_ENTRIES_MAX || !connector_name_decode(&body, &name))
        return false;
    c->entries[c->count++] = arena_str(&c->arena, name.endpoint);
    return true;
}

static bool take_close(struct client *c, struct str body)
{
    c->closed = true;
    return body.len == 0;
}

static bool take_request(struct client *c, struct str body)
{
    struct connector_request r;

    if (!c->closed || dial_is_under_way(&c->dial) || !connector_request_decode(&body, &r) ||
        r.entry < 0 || r.entry >= c->count || r.wait_s < 1 || r.wait_s > CONNECTOR_WAIT_MAX_S)
        return false;
    dial_start(&c->dial, service_loop(connector.svc), connector.lookups, c->entries[r.entry],
               r.wait_s, on_dialled, c);
    return true;
}

static const struct {
    char kind;
    bool (*take)(struct client *c, struct str body);
} requests[] = {
    { CONNECTOR_NAME, take_name },
    { CONNECTOR_CLOSE, take_close },
    { CONNECTOR_REQUEST, take_request },
};

/* False: it breaks the protocol. */
static bool take(struct client *c, char kind, struct str body)
{
    for (size_t i = 0; i < ARRAY_LEN(requests); i++)
        if (requests[i].kind == kind)
            return requests[i].take(c, body);
    return false;
}

static bool take_all(struct client *c)
{
    struct str in = buf_str(&c->in), body;
    bool bad = false;
    char kind;

    while (channel_split(&in, &kind, &body, &bad))
        if (!take(c, kind, body))
            return false;
    buf_consume(&c->in, c->in.len - in.len);
    return !bad;
}

/* False: the client went away, or is none of ours. */
static bool hear(struct client *c)
{
    char *room = buf_reserve(&c->in, READ_SIZE);
    ssize_t n = room ? recv(c->fd, room, READ_SIZE, MSG_DONTWAIT) : 0;

    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return true;
    if (n <= 0 || c->broken)
        return false;
    c->in.len += (size_t)n;
    if (take_all(c))
        return true;
    log_warning("a client breaks the protocol; it is connected to nothing any more");
    return false;
}

static void on_event(void *context, int fd, uint32_t events)
{
    struct client *c = context;

    (void)fd;
    (void)events;
    if (!hear(c))
        drop(c);
}

static void serve_client(struct service *svc, int fd)
{
    uid_t uid;

    if (!socket_peer_uid(fd, &uid) || uid != 0) {
        log_warning("a process that is in its jail already asked for a list of servers");
        close(fd);
        return;
    }
    struct client *c = mem_alloc(sizeof *c);
    *c = (struct client){
        .fd = fd, .in = BUF_INIT(READ_MAX), .arena = ARENA_INIT, .dial = DIAL_NONE
    };
    connector.clients++;
    loop_watch(service_loop(svc), fd, EPOLLIN, on_event, c);
}

static void open_resolver(struct service *svc)
{
    connector.svc = svc;
    connector.lookups = lookups_open("/etc/hosts");
}

static void use_loop(struct service *svc)
{
    lookups_use_loop(connector.lookups, service_loop(svc));
}

/* A channel cannot be made anew by who is in its jail. */
static bool nobody_is_served(struct service *svc)
{
    (void)svc;
    return connector.clients == 0;
}

static const struct service_spec spec = {
    .name = "connector",
    .kind = SERVICE_MULTI,
    .params = (const struct param_set *const[]){ NULL },
    .sandbox = SANDBOX_NAMED,
    .paths = (const struct sandbox_path[]){ { "/etc/services", SANDBOX_READ },
                                            { "/etc/nsswitch.conf", SANDBOX_READ },
                                            { "/lib", SANDBOX_READ },
                                            { "/usr/lib", SANDBOX_READ },
                                            { "/etc/ld.so.cache", SANDBOX_READ },
                                            { NULL, SANDBOX_READ } },
    .process_limit = 1,
    .no_max_use = true,
    .drains = true,
    .keeps_groups = true,
    .before_jail = open_resolver,
    .after_jail = use_loop,
    .serve = serve_client,
    .may_leave = nobody_is_served,
};

int main(int argc, char **argv) { service_main(&spec, argc, argv); }
