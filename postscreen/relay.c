#include "postscreen/relay.h"

#include "base/log.h"
#include "base/mem.h"
#include "ipc/channel.h"
#include "ipc/messages/tlsproxy.h"
#include "os/fd.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#define BUFFER_MAX    16384UL /* bytes under way in each direction */
#define REQUEST_LIMIT 10      /* seconds for each thing that postscreen has to say */
#define PARTING_LIMIT 5       /* seconds for the last words to a client that does not read */

struct relay {
    struct relay_rules *rules;
    const struct door *door; /* NULL until the request is there */
    int plain;               /* postscreen */
    struct stream client;
    struct tls_session *handshake; /* under way; NULL: not begun, or over */
    bool secured;                  /* the client's stream is TLS */
    bool plain_ended;              /* what is left goes to the client, and that was it */
    struct buf in;                 /* of the request */
    struct buf to_client, to_plain;
    struct loop_timer *timer;
    int timeout_s;
    char peer[64], service[64];
};

static void stop_timer(struct relay *r) { loop_timer_cancel(r->rules->loop, &r->timer); }

static void end(struct relay *r)
{
    struct loop *loop = r->rules->loop;

    stop_timer(r);
    loop_unwatch(loop, r->plain);
    if (r->client.fd >= 0)
        loop_unwatch(loop, r->client.fd);
    if (r->handshake)
        tls_accept_abandon(r->handshake);
    if (r->client.fd >= 0)
        log_info("DISCONNECT %s", r->peer);
    stream_close(&r->client);
    fd_close(&r->plain);
    buf_free(&r->in);
    buf_free(&r->to_client);
    buf_free(&r->to_plain);
    r->rules->relays--;
    free(r);
}

static void on_late(void *context)
{
    struct relay *r = context;

    r->timer = NULL;
    if (r->client.fd >= 0)
        log_warning("ciphertext read/write timeout for %s", r->peer);
    if (r->handshake)
        log_info("TLS handshake failed for service=%s peer=%s", r->service, r->peer);
    end(r);
}

static void wait_at_most(struct relay *r, int seconds)
{
    stop_timer(r);
    r->timer = loop_timer_start(r->rules->loop, (int64_t)seconds * 1000, on_late, r);
}

/* ---- what is said ---- */

static void on_either(void *context, int fd, uint32_t events);

/* How a step went; RELAY_OVER: the other end is of no use any more. */
enum step { RELAY_NOTHING, RELAY_MOVED, RELAY_OVER };

static enum step step_of(enum io_result result)
{
    return result == IO_OK ? RELAY_MOVED : result == IO_TIMEOUT ? RELAY_NOTHING : RELAY_OVER;
}

static enum step hear_plain(struct relay *r)
{
    if (r->to_client.len || r->plain_ended)
        return RELAY_NOTHING;
    char *room = buf_reserve(&r->to_client, BUFFER_MAX);
    ssize_t n = recv(r->plain, room, BUFFER_MAX, MSG_DONTWAIT);
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return RELAY_NOTHING;
    if (n <= 0) {
        r->plain_ended = true;
        return RELAY_MOVED;
    }
    r->to_client.len = (size_t)n;
    return RELAY_MOVED;
}

static enum step tell_client(struct relay *r)
{
    size_t done = 0;

    if (r->to_client.len == 0)
        return r->plain_ended ? RELAY_OVER : RELAY_NOTHING;
    enum step step = step_of(stream_write(&r->client, buf_str(&r->to_client), DEADLINE_NOW, &done));
    buf_consume(&r->to_client, done);
    return step;
}

static enum step hear_client(struct relay *r)
{
    size_t got = 0;

    if (r->to_plain.len || r->plain_ended)
        return RELAY_NOTHING;
    char *room = buf_reserve(&r->to_plain, BUFFER_MAX);
    enum step step = step_of(stream_read(&r->client, room, BUFFER_MAX, DEADLINE_NOW, &got));
    r->to_plain.len = got;
    return step;
}

static enum step tell_plain(struct relay *r)
{
    ssize_t n = r->to_plain.len
                    ? send(r->plain, r->to_plain.ptr, r->to_plain.len, MSG_DONTWAIT | MSG_NOSIGNAL)
                    : 0;

    if (n > 0)
        buf_consume(&r->to_plain, (size_t)n);
    if (n < 0 && errno != EAGAIN && errno != EINTR)
        return RELAY_OVER;
    return n > 0 ? RELAY_MOVED : RELAY_NOTHING;
}

/* Silent clients cost no buffers. */
static void settle(struct relay *r)
{
    if (r->to_client.len == 0)
        buf_free(&r->to_client);
    if (r->to_plain.len == 0)
        buf_free(&r->to_plain);
}

static void watch(struct relay *r)
{
    bool is_full = r->to_plain.len > 0;
    uint32_t client = (r->to_client.len ? (uint32_t)EPOLLOUT : 0) | (is_full ? 0 : EPOLLIN);
    uint32_t plain = is_full ? EPOLLOUT : r->to_client.len ? 0 : EPOLLIN;

    loop_watch(r->rules->loop, r->client.fd, client, on_either, r);
    if (r->plain_ended)
        loop_unwatch(r->rules->loop, r->plain);
    else
        loop_watch(r->rules->loop, r->plain, plain, on_either, r);
}

static void move(struct relay *r)
{
    static enum step (*const steps[])(struct relay *) = { hear_plain, tell_client, hear_client,
                                                          tell_plain };
    bool moved, was_ended = r->plain_ended;

    do {
        moved = false;
        for (size_t i = 0; i < ARRAY_LEN(steps); i++) {
            enum step step = steps[i](r);
            if (step == RELAY_OVER) {
                (void)tell_plain(r);
                end(r);
                return;
            }
            moved |= step == RELAY_MOVED;
        }
    } while (moved);
    settle(r);
    watch(r);
    if (r->plain_ended && !was_ended)
        wait_at_most(r, PARTING_LIMIT);
}

static void shake_hands(struct relay *r)
{
    const struct tls_facts *facts;

    switch (tls_accept_go_on(r->handshake, &facts)) {
    case TLS_WAITS:
        loop_watch(r->rules->loop, r->client.fd, r->client.wants == POLLOUT ? EPOLLOUT : EPOLLIN,
                   on_either, r);
        return;
    case TLS_FAILED:
        r->handshake = NULL;
        log_info("TLS handshake failed for service=%s peer=%s", r->service, r->peer);
        end(r);
        return;
    case TLS_DONE:
        break;
    }
    r->handshake = NULL;
    r->secured = true;
    stop_timer(r);
    move(r);
}

/* postscreen says nothing before the client does; while hands are shaken it can only leave. */
static void on_either(void *context, int fd, uint32_t events)
{
    struct relay *r = context;

    (void)events;
    if (r->secured)
        move(r);
    else if (fd == r->plain)
        end(r);
    else
        shake_hands(r);
}

/* ---- how it begins ---- */

/* postscreen knows no names, so the address is all that a table can have; `peer` is [ADDRESS]:PORT. */
static unsigned log_classes(const struct relay *r)
{
    struct str rest = str_from(r->peer);

    (void)str_skip_prefix(&rest, STR("["));
    return tls_log_maps_find(&r->door->log, STR_NONE, str_sub(rest, 0, str_find(rest, ']')));
}

static void on_client(void *context, int fd, uint32_t events)
{
    struct relay *r = context;
    int client = fd_receive(fd);

    (void)events;
    if (client < 0) {
        end(r);
        return;
    }
    stream_init(&r->client, client, 0);
    log_info("CONNECT from %s", r->peer);
    struct tls_server_wish wish = { .peer = str_from(r->peer), .log = log_classes(r) };
    r->handshake = tls_accept_begin(r->door->engine, &r->client, &wish);
    if (r->handshake == NULL) {
        end(r);
        return;
    }
    loop_watch(r->rules->loop, r->plain, EPOLLIN, on_either, r);
    wait_at_most(r, r->timeout_s);
    shake_hands(r);
}

static bool take_request(struct relay *r, struct str body)
{
    struct tlsproxy_request request;

    if (!tlsproxy_request_decode(&body, &request) || request.timeout_s <= 0 ||
        !str_to_cstring(request.peer, r->peer, sizeof r->peer) ||
        !str_to_cstring(request.service, r->service, sizeof r->service))
        return false;
    r->timeout_s = request.timeout_s;
    r->door = doors_find(r->rules->doors, request.door);
    return true;
}

static bool answer(struct relay *r, bool ready)
{
    BUF_AUTO(body, 0);
    BUF_AUTO(frame, 0);

    tlsproxy_answer_encode(&body, &(struct tlsproxy_answer){ ready });
    return channel_frame(&frame, TLSPROXY_ANSWER, buf_str(&body)) &&
           send(r->plain, frame.ptr, frame.len, MSG_DONTWAIT | MSG_NOSIGNAL) == (ssize_t)frame.len;
}

static void on_request(void *context, int fd, uint32_t events)
{
    struct relay *r = context;
    char *room = buf_reserve(&r->in, 512);
    ssize_t n = room ? recv(fd, room, 512, MSG_DONTWAIT) : 0;
    bool bad = false;
    struct str in, body;
    char kind;

    (void)events;
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    r->in.len += n > 0 ? (size_t)n : 0;
    in = buf_str(&r->in);
    if (n > 0 && !channel_split(&in, &kind, &body, &bad) && !bad)
        return;
    if (n <= 0 || bad || kind != TLSPROXY_REQUEST || !take_request(r, body) ||
        !answer(r, r->door->engine != NULL) || r->door->engine == NULL) {
        end(r);
        return;
    }
    loop_watch(r->rules->loop, r->plain, EPOLLIN, on_client, r);
    wait_at_most(r, REQUEST_LIMIT);
}

void relay_start(struct relay_rules *rules, int fd)
{
    struct relay *r = mem_alloc(sizeof *r);

    *r = (struct relay){ .rules = rules, .plain = fd, .in = BUF_INIT(2048) };
    r->client = (struct stream)STREAM_NONE;
    rules->relays++;
    loop_watch(rules->loop, fd, EPOLLIN, on_request, r);
    wait_at_most(r, REQUEST_LIMIT);
}
