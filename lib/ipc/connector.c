#include "ipc/connector.h"

#include "base/arena.h"
#include "base/log.h"
#include "base/mem.h"
#include "ipc/channel.h"
#include "ipc/messages/connector.h"
#include "os/door.h"
#include "os/fd.h"
#include "os/socket.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define SERVICE        "private/connector"
#define OPEN_TIMEOUT_S 30
#define GRACE_S        5 /* for the server, which keeps the time of each request itself */

struct connector {
    struct arena arena;
    struct str root;
    struct str entries[CONNECTOR_ENTRIES_MAX]; /* as they were given */
    int count;
    bool closed;
    struct channel channel;
};

/* Tables are opened deep below those who know how the process lives: set once, before any of them. */
static struct connector *shared;

void connector_share(struct connector *c) { shared = c; }

struct connector *connector_shared(void)
{
    if (shared == NULL)
        shared = connector_new(STR(""));
    return shared;
}

struct connector *connector_new(struct str root)
{
    struct connector *c = mem_alloc(sizeof *c);

    c->arena = ARENA_INIT;
    c->channel = (struct channel)CHANNEL_NONE;
    c->root = arena_str(&c->arena, root);
    return c;
}

void connector_free(struct connector *c)
{
    if (c == NULL)
        return;
    if (c == shared)
        shared = NULL;
    channel_close(&c->channel);
    arena_free(&c->arena);
    free(c);
}

static int find(const struct connector *c, struct str endpoint)
{
    for (int i = 0; i < c->count; i++)
        if (str_equal(endpoint, c->entries[i]))
            return i;
    return -1;
}

int connector_add(struct connector *c, struct str endpoint, struct buf *why)
{
    int entry = find(c, endpoint);

    if (entry >= 0)
        return entry;
    if (c->closed)
        buf_join(why, STR("not among the servers that were known at the start: "), endpoint);
    else if (c->count == CONNECTOR_ENTRIES_MAX)
        buf_join(why, STR("too many servers: "), endpoint);
    else if (endpoint.len == 0 || endpoint.len + c->root.len > CONNECTOR_ENDPOINT_MAX)
        buf_join(why, STR("bad server name: "), endpoint);
    else
        c->entries[entry = c->count++] = arena_str(&c->arena, endpoint);
    return entry;
}

/* The endpoint as who has another root, and works in the queue directory, knows it. */
static void translate(const struct connector *c, struct str endpoint, struct buf *out)
{
    if (str_starts(endpoint, STR("inet:"))) {
        buf_add(out, endpoint);
        return;
    }
    if (!str_skip_prefix(&endpoint, STR("unix:")))
        (void)str_skip_prefix(&endpoint, STR("local:"));
    buf_join(out, STR("unix:"), str_starts(endpoint, STR("/")) ? c->root : STR(""), endpoint);
}

static bool send_list(struct connector *c)
{
    for (int i = 0; i < c->count; i++) {
        BUF_AUTO(endpoint, 0);
        translate(c, c->entries[i], &endpoint);
        connector_name_encode(channel_begin(&c->channel, CONNECTOR_NAME),
                              &(struct connector_name){ buf_str(&endpoint) });
        if (!channel_end(&c->channel))
            return false;
    }
    return channel_send(&c->channel, CONNECTOR_CLOSE, STR("")) && channel_flush(&c->channel);
}

void connector_close_list(struct connector *c)
{
    if (!door_is_only_way())
        return;
    c->closed = true;
    if (c->count == 0)
        return;
    int fd = door_connect(SERVICE, OPEN_TIMEOUT_S);
    if (fd >= 0)
        channel_init(&c->channel, fd, OPEN_TIMEOUT_S);
    if (fd < 0 || !send_list(c)) {
        log_warning("connect to " SERVICE ": %s", strerror(errno));
        channel_close(&c->channel);
    }
}

static void lose(struct connector *c, struct buf *why)
{
    channel_close(&c->channel);
    buf_add_cstr(why, "no connection to " SERVICE);
    errno = EPIPE;
}

static bool ask(struct connector *c, int entry, int wait_s)
{
    struct connector_request request = { .entry = entry,
                                         .wait_s = MIN(wait_s, CONNECTOR_WAIT_MAX_S) };

    if (!channel_is_open(&c->channel))
        return false;
    (void)socket_set_read_timeout(c->channel.link.stream.fd, wait_s + GRACE_S);
    connector_request_encode(channel_begin(&c->channel, CONNECTOR_REQUEST), &request);
    return channel_end(&c->channel) && channel_flush(&c->channel);
}

static bool read_refusal(struct connector *c, struct buf *why)
{
    struct connector_refusal refusal;
    struct str body;
    char kind;

    if (channel_receive(&c->channel, &kind, &body) != IO_OK || kind != CONNECTOR_REFUSAL ||
        !connector_refusal_decode(&body, &refusal))
        return false;
    buf_add(why, refusal.text);
    errno = refusal.error;
    return true;
}

static int connect_through_server(struct connector *c, int entry, int wait_s, struct buf *why)
{
    if (!ask(c, entry, wait_s)) {
        lose(c, why);
        return -1;
    }
    errno = EPIPE; /* the end of the connection leaves it as it is */
    int fd = fd_receive(c->channel.link.stream.fd);
    if (fd < 0 && (errno != EBADMSG || !read_refusal(c, why)))
        lose(c, why);
    return fd;
}

int connector_connect(struct connector *c, int entry, int wait_s, struct buf *why)
{
    if (door_is_only_way())
        return connect_through_server(c, entry, wait_s, why);
    int fd = socket_connect_endpoint(c->entries[entry], wait_s);
    if (fd < 0)
        buf_add_cstr(why, strerror(errno));
    return fd;
}

bool connector_is_lost(const struct connector *c)
{
    return c->count > 0 && door_is_only_way() && !channel_is_open(&c->channel);
}
