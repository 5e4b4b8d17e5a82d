#include "postscreen/client.h"

#include "base/log.h"
#include "base/mem.h"
#include "delivery/delivery.h"
#include "os/fd.h"
#include "postscreen/cache.h"
#include "postscreen/lists.h"
#include "postscreen/say.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>

#define SAY_MAX 65536

struct client *client_new(struct screen *screen, int fd)
{
    struct client *c = mem_alloc(sizeof *c);

    *c = (struct client){ .screen = screen,
                          .fd = fd,
                          .carrier = -1,
                          .phase_began_ms = clock_now_ms(),
                          .refusal = { 450, STR("4.3.2 Service currently unavailable") } };
    return c;
}

/* ---- who is here ---- */

/* Waits get shorter while many are here, and longer when few are left. */
static void watch_pressure(struct screen *s)
{
    size_t limit = (size_t)postscreen_conf.postscreen_pre_queue_limit;
    bool changes = s->is_stressed ? s->clients * 10 <= limit * 7 : s->clients * 10 >= limit * 9;

    if (!changes)
        return;
    s->is_stressed = !s->is_stressed;
    log_info("%s STRESS mode with %zu connections", s->is_stressed ? "entering" : "leaving",
             s->clients);
}

static struct address *find_address(struct screen *s, struct str text)
{
    struct address *a = map_get(&s->addresses, text);

    if (a == NULL) {
        a = mem_alloc(sizeof *a);
        memcpy(a->text, text.ptr, text.len); /* zeroed, and large enough for any address */
        merits_init(&a->merits, s->enabled);
        (void)map_set(&s->addresses, text, a);
    }
    a->sessions++;
    return a;
}

static void leave_address(struct screen *s, struct address *a)
{
    if (--a->sessions > 0)
        return;
    lists_forget(s, a);
    (void)map_remove(&s->addresses, str_from(a->text));
    free(a);
}

void client_identify(struct client *c, const struct netaddr *from, uint16_t port,
                     const struct netaddr *to, uint16_t to_port)
{
    BUF_AUTO(text, INET6_ADDRSTRLEN - 1);
    BUF_AUTO(server, INET6_ADDRSTRLEN - 1);

    netaddr_format(&text, from);
    netaddr_format(&server, to);
    c->address = find_address(c->screen, buf_str(&text));
    c->port = port;
    c->server_port = to_port;
    memcpy(c->server_address, server.ptr, server.len);
    (void)snprintf(c->shown, sizeof c->shown, "[%s]:%u", c->address->text, (unsigned)port);
    c->screen->clients++;
    log_info("CONNECT from %s to [%s]:%u", c->shown, c->server_address, (unsigned)to_port);
    watch_pressure(c->screen);
}

/* ---- its end ---- */

static void forget(struct client *c)
{
    struct screen *s = c->screen;

    client_stop_waiting(c);
    client_unwatch(c);
    if (c->waits_for_lists)
        lists_stop_waiting(c);
    if (c->carrier >= 0)
        loop_unwatch(s->loop, c->carrier);
    fd_close(&c->carrier);
    fd_close(&c->fd);
    if (c->dialogue)
        dialogue_fini(c->dialogue);
    free(c->dialogue);
    buf_free(&c->refusal_text);
    if (c->address) {
        leave_address(s, c->address);
        s->clients--;
        watch_pressure(s);
    }
    free(c);
}

void client_end(struct client *c)
{
    bool stays = c->phase != CLIENT_LEAVING;

    if (c->address && stays) {
        client_conclude(c);
        log_info("DISCONNECT %s", c->shown);
    }
    if (c->phase == CLIENT_LEAVING)
        c->screen->in_transit--;
    forget(c);
}

void client_conclude(struct client *c)
{
    struct address *a = c->address;

    if (trial_note(&c->trial, c->screen->enabled, &a->merits))
        cache_update(c->screen->cache, client_address(c), &a->merits);
    if (!trial_is_passed(&c->trial))
        return;
    log_info("PASS %s %s", c->trial.is_new && !a->has_passed ? "NEW" : "OLD", c->shown);
    a->has_passed = true;
}

void client_format_delay(const struct client *c, struct buf *out)
{
    delivery_format_delay(out, (clock_now_ms() - c->phase_began_ms) * 1000, c->screen->decimals);
}

void client_hang_up(struct client *c)
{
    BUF_AUTO(delay, 32);

    client_format_delay(c, &delay);
    log_info("HANGUP after " STR_FMT " from %s in tests %s SMTP handshake",
             STR_ARG(buf_str(&delay)), c->shown, c->phase == CLIENT_EARLY ? "before" : "after");
    client_end(c);
}

/* ---- its time, its words ---- */

void client_stop_waiting(struct client *c) { loop_timer_cancel(c->screen->loop, &c->timer); }

void client_wait(struct client *c, int64_t ms, loop_timer_fn *fn)
{
    client_stop_waiting(c);
    c->timer = loop_timer_start(c->screen->loop, ms, fn, c);
}

void client_watch(struct client *c, loop_fd_fn *fn)
{
    loop_watch(c->screen->loop, c->fd, EPOLLIN, fn, c);
}

void client_unwatch(struct client *c)
{
    if (c->fd >= 0)
        loop_unwatch(c->screen->loop, c->fd);
}

/* What does not fit into the socket's buffer is for somebody who does not read. */
static bool transmit(const struct client *c, struct str bytes)
{
    if (send(c->fd, bytes.ptr, bytes.len, MSG_DONTWAIT | MSG_NOSIGNAL) == (ssize_t)bytes.len)
        return true;
    if (errno != EPIPE && errno != ECONNRESET)
        log_warning("write %s: %s", c->shown, strerror(errno));
    return false;
}

static bool say_bytes(struct client *c, struct str bytes)
{
    bool heard = transmit(c, bytes);

    if (!heard)
        client_hang_up(c);
    return heard;
}

bool client_say(struct client *c, struct smtp_reply reply)
{
    BUF_AUTO(out, SAY_MAX);

    say_format(c, reply, &out);
    return say_bytes(c, buf_str(&out));
}

bool client_tease(struct client *c, struct str banner)
{
    BUF_AUTO(out, SAY_MAX);

    buf_join(&out, STR("220-"), banner, STR("\r\n"));
    c->teased = true;
    return say_bytes(c, buf_str(&out));
}

void client_part(struct client *c, struct smtp_reply reply)
{
    BUF_AUTO(out, SAY_MAX);

    say_format(c->address ? c : NULL, reply, &out);
    (void)transmit(c, buf_str(&out));
    client_end(c);
}

void client_refuse(struct client *c, struct smtp_reply reply)
{
    c->trial.failed = true;
    c->refusal = reply;
    if (c->dialogue)
        c->dialogue->refusal = reply;
}
