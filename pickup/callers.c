#include "pickup/callers.h"

#include "base/list.h"
#include "base/log.h"
#include "base/mem.h"
#include "os/socket.h"
#include "pickup/drop_default.h"
#include "pickup/forward.h"
#include "pickup/straight.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#define SILENT_MAX  128  /* callers who have said nothing yet */
#define SILENT_EACH 16   /* of one user */
#define PATIENCE_MS 5000 /* with them; ours has his message ready when he calls */
#define LINGER_MS   1000 /* until the connection to cleanup(8) is given back */

/* A postdrop file has a few more bytes than what is handed to postdrop. */
#define HEAD_ROOM 256

/* One who has not said anything yet. */
struct caller {
    struct list node;
    int fd;
    uid_t uid;
    struct loop_timer *patience;
};

static struct {
    struct loop *loop;
    struct list silent;
    size_t count;
    bool serves; /* nobody has to be asked whether a user may send, and as whom */
    struct loop_timer *rest;
} callers;

/* ---- a message ---- */

struct packet {
    struct drop drop;
    struct str records;
};

static enum queue_read next_record(struct drop *d, struct record *rec)
{
    struct packet *p = CONTAINER_OF(d, struct packet, drop);

    switch (record_take(&p->records, rec)) {
    case RECORD_OK:
        return QUEUE_READ_RECORD;
    case RECORD_BAD:
        return QUEUE_READ_CORRUPT;
    default:
        return QUEUE_READ_END;
    }
}

static bool is_too_big(struct str records)
{
    return site_conf.message_size_limit > 0 &&
           (int64_t)records.len + HEAD_ROOM > site_conf.message_size_limit;
}

static void rest(void *context)
{
    (void)context;
    callers.rest = NULL;
    drop_forward_rest();
}

static bool forward(struct str records, uid_t uid)
{
    struct packet p = {
        .drop = { .path = "message of a caller",
                  .name = "submit",
                  .uid = uid,
                  .when = clock_wall(),
                  .copy = { .direct = true },
                  .next = next_record },
        .records = records,
    };

    if (is_too_big(records))
        return false;
    if (callers.rest == NULL)
        callers.rest = loop_timer_start(callers.loop, LINGER_MS, rest, NULL);
    return drop_forward(&p.drop) == FATE_REMOVE;
}

/* What somebody said who has hung up stays to be read; his message goes by postdrop(1) now. */
static bool is_there(int fd)
{
    char next;

    return recv(fd, &next, 1, MSG_DONTWAIT | MSG_PEEK) < 0 && errno == EAGAIN;
}

/* False: he has said nothing yet. */
static bool hear(int fd, uid_t uid)
{
    BUF_AUTO(packet, STRAIGHT_MAX);
    char *into = buf_reserve(&packet, STRAIGHT_MAX);
    ssize_t n = recv(fd, into, STRAIGHT_MAX, MSG_DONTWAIT | MSG_TRUNC);

    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return false;
    if (n > 0 && (size_t)n <= STRAIGHT_MAX && is_there(fd) &&
        forward((struct str){ into, (size_t)n }, uid))
        (void)send(fd, STRAIGHT_QUEUED, 1, MSG_DONTWAIT | MSG_NOSIGNAL);
    return true;
}

/* ---- those who wait ---- */

static void part(struct caller *c)
{
    loop_unwatch(callers.loop, c->fd);
    loop_timer_cancel(callers.loop, &c->patience);
    list_remove(&c->node);
    callers.count--;
    close(c->fd);
    free(c);
}

static void on_packet(void *context, int fd, uint32_t events)
{
    struct caller *c = context;

    (void)events;
    if (hear(fd, c->uid))
        part(c);
}

static void on_silence(void *context)
{
    struct caller *c = context;

    c->patience = NULL;
    part(c);
}

static bool is_welcome(uid_t uid)
{
    size_t his = 0;

    LIST_FOREACH(&callers.silent, node)
    his += LIST_ITEM(node, struct caller, node)->uid == uid;
    return callers.count < SILENT_MAX && his < SILENT_EACH;
}

static void wait_for(int fd, uid_t uid)
{
    struct caller *c = mem_alloc(sizeof *c);

    *c = (struct caller){ .fd = fd, .uid = uid };
    list_append(&callers.silent, &c->node);
    callers.count++;
    c->patience = loop_timer_start(callers.loop, PATIENCE_MS, on_silence, c);
    loop_watch(callers.loop, fd, EPOLLIN, on_packet, c);
}

void callers_begin(struct conf *conf, struct loop *loop)
{
    callers.loop = loop;
    callers.serves = drop_policy_is_default(conf);
    list_init(&callers.silent);
}

void callers_take(int fd)
{
    uid_t uid;

    if (!callers.serves || !socket_peer_uid(fd, &uid) || hear(fd, uid) || !is_welcome(uid))
        close(fd);
    else
        wait_for(fd, uid);
}
