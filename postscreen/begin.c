#include "postscreen/begin.h"

#include "base/log.h"
#include "postscreen/access.h"
#include "postscreen/cache.h"
#include "postscreen/client.h"
#include "postscreen/early.h"
#include "postscreen/handover.h"
#include "postscreen/proxy.h"

#include <errno.h>
#include <sys/socket.h>
#include <time.h>

#define HEADER_PAUSE_MS 20

/* ---- what is decided; true: that was it, and the client is somebody else's, or gone ---- */

static bool turn_away(struct client *c, const char *line, const char *why, struct str reply)
{
    log_info("%s from %s: %s", line, c->shown, why);
    client_part(c, (struct smtp_reply){ 421, reply });
    return true;
}

static bool has_too_many(struct client *c)
{
    int limit = postscreen_conf.postscreen_client_connection_count_limit;

    if (limit == 0 || c->address->sessions <= limit)
        return false;
    return turn_away(c, "NOQUEUE: reject: CONNECT", "too many connections",
                     STR("4.7.0 Error: too many connections"));
}

static bool server_is_busy(struct client *c)
{
    if (c->screen->in_transit < (size_t)postscreen_conf.postscreen_post_queue_limit)
        return false;
    return turn_away(c, "NOQUEUE: reject: CONNECT", "all server ports busy",
                     STR("4.3.2 All server ports are busy"));
}

static void note_wording(struct client *c)
{
    if (c->screen->wording_note)
        log_info("%s for client %s", c->screen->wording_note, c->shown);
    c->screen->wording_note = NULL;
}

static bool is_denied(struct client *c)
{
    struct smtp_reply reply = { 521, STR("5.3.2 Service currently unavailable") };

    log_info("%s %s", c->screen->denylisted, c->shown);
    note_wording(c);
    switch (c->screen->actions.denied) {
    case ACTION_DROP:
        client_part(c, reply);
        return true;
    case ACTION_ENFORCE:
        reply.code = 550;
        client_refuse(c, reply);
        return false;
    case ACTION_IGNORE:
        break;
    }
    return false;
}

static bool is_on_our_list(struct client *c)
{
    switch (access_judge(c->screen->access, client_address(c))) {
    case ACCESS_PERMIT:
        log_info("%s %s", c->screen->allowlisted, c->shown);
        note_wording(c);
        handover(c);
        return true;
    case ACCESS_REJECT:
        return is_denied(c);
    case ACCESS_UNDECIDED:
        break;
    }
    return false;
}

/* What other sessions of the address have found out is newer than what the cache has.  Where nothing is tested nobody has
 * passed anything. */
static bool is_known(struct client *c)
{
    struct address *a = c->address;

    if (!c->trial.failed && a->sessions == 1)
        cache_lookup(c->screen->cache, client_address(c), &a->merits);
    trial_init(&c->trial, &a->merits, c->screen->enabled, (int64_t)time(NULL));
    if (c->trial.failed || c->trial.due || c->screen->enabled == 0)
        return false;
    log_info("PASS OLD %s", c->shown);
    handover(c);
    return true;
}

static bool is_vetoed(struct client *c)
{
    if (match_address(c->screen->allowlist_interfaces, str_from(c->server_address)) == MATCH_YES)
        return false;
    log_info("%s %s", c->screen->veto, c->shown);
    note_wording(c);
    c->trial.failed = true;
    return false;
}

static bool there_is_no_room(struct client *c)
{
    const struct screen *s = c->screen;

    if (s->clients - s->in_transit < (size_t)postscreen_conf.postscreen_pre_queue_limit)
        return false;
    return turn_away(c, "reject: connect", "all screening ports busy",
                     STR("4.3.2 All screening ports are busy"));
}

static void decide(struct client *c)
{
    static bool (*const steps[])(struct client * c) = {
        has_too_many, server_is_busy, is_on_our_list, is_known, is_vetoed, there_is_no_room,
    };

    for (size_t i = 0; i < ARRAY_LEN(steps); i++)
        if (steps[i](c))
            return;
    if (c->trial.due & SCREEN_EARLY)
        early(c);
    else
        early_is_over(c);
}

/* ---- who it is ---- */

static bool end_of(int fd, int (*ask)(int, struct sockaddr *, socklen_t *), struct netaddr *address,
                   uint16_t *port)
{
    struct sockaddr_storage ss;
    socklen_t len = sizeof ss;
    const struct sockaddr_in *v4 = (const void *)&ss;
    const struct sockaddr_in6 *v6 = (const void *)&ss;

    if (ask(fd, (struct sockaddr *)&ss, &len) != 0)
        return false;
    *address = (struct netaddr){ .size = ss.ss_family == AF_INET ? 4 : 16 };
    if (ss.ss_family == AF_INET)
        memcpy(address->bytes, &v4->sin_addr, 4);
    else
        memcpy(address->bytes, &v6->sin6_addr, 16);
    *port = ntohs(ss.ss_family == AF_INET ? v4->sin_port : v6->sin6_port);
    netaddr_unmap(address);
    return ss.ss_family == AF_INET || ss.ss_family == AF_INET6;
}

static void drop_unknown(struct client *c)
{
    client_part(c, (struct smtp_reply){ 421, STR("4.3.2 No system resources") });
}

/* As the network tells. */
static void begin_plain(struct client *c)
{
    struct netaddr from, to;
    uint16_t port, to_port;
    const char *asked = "getpeername";
    bool known = end_of(c->fd, getpeername, &from, &port);

    if (known) {
        asked = "getsockname";
        known = end_of(c->fd, getsockname, &to, &to_port);
    }
    if (!known) {
        log_warning("%s: %s -- dropping this connection", asked, strerror(errno));
        drop_unknown(c);
        return;
    }
    client_identify(c, &from, port, &to, to_port);
    decide(c);
}

/* As a balancer tells: its header has a time, and what comes in pieces is looked at again after a moment. */

static int64_t left_ms(const struct client *c)
{
    return c->phase_began_ms + (int64_t)postscreen_conf.postscreen_upstream_proxy_timeout * 1000 -
           clock_now_ms();
}

static void on_header(void *context, int fd, uint32_t events);
static void on_header_time(void *context);

static void hear_balancer(struct client *c)
{
    struct haproxy h;

    switch (proxy_look(c->fd, left_ms(c) <= 0, &h)) {
    case PROXY_SILENT:
        client_watch(c, on_header);
        client_wait(c, MAX(left_ms(c), 0), on_header_time);
        return;
    case PROXY_PARTLY:
        client_unwatch(c);
        client_wait(c, MAX(MIN(left_ms(c), HEADER_PAUSE_MS), 0), on_header_time);
        return;
    case PROXY_NO_USE:
        drop_unknown(c);
        return;
    case PROXY_HEARD:
        break;
    }
    client_unwatch(c);
    client_stop_waiting(c);
    if (!h.proxied) {
        begin_plain(c);
        return;
    }
    client_identify(c, &h.client, h.client_port, &h.server, h.server_port);
    decide(c);
}

static void on_header(void *context, int fd, uint32_t events)
{
    (void)fd;
    (void)events;
    hear_balancer(context);
}

static void on_header_time(void *context)
{
    struct client *c = context;

    c->timer = NULL;
    hear_balancer(c);
}

void begin(struct screen *s, int fd)
{
    struct client *c = client_new(s, fd);

    if (s->has_balancer)
        hear_balancer(c);
    else
        begin_plain(c);
}
