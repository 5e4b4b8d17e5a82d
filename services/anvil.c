/* anvil - count connections and requests of each client, for the limits of smtpd(8).
 *
 * Runs as:   mail_owner, inside the queue directory when master.cf says chroot
 * Trusts:    our own daemons
 * Distrusts: nothing else speaks to it
 *
 * A client's counters live while it has connections, and after that until its time unit is over.  Logins are counted
 * too, in a time unit of their own, wherever they come from. */
#include "base/list.h"
#include "base/log.h"
#include "base/map.h"
#include "base/mem.h"
#include "base/number.h"
#include "ipc/attr.h"
#include "service/service.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define REQUEST_MAX_BYTES 4096

enum counter { COUNT_CONNECT, COUNT_MESSAGE, COUNT_RECIPIENT, COUNT_NEWTLS, COUNT_AUTH, COUNTERS };

/* What is counted of one kind of name, in one time unit. */
struct family {
    struct map members;
    const int *unit_s;
};

/* One SERVICE:ADDRESS, or one login. */
struct remote {
    struct family *family;
    int connections;
    int rates[COUNTERS];
    int64_t unit_start_ms; /* when this time unit began */
    struct str ident;      /* followed by nothing; owned */
};

/* One connected smtpd; its connections are counted down when it goes away without saying so. */
struct local_server {
    int fd;
    struct buf in;
    struct remote *connected; /* the client it serves now, or NULL */
};

struct maximum {
    int value;
    char ident[128];
    time_t when;
};

static struct {
    struct service *svc;
    struct family clients, logins;
    struct maximum max_rate[COUNTERS], max_count;
    size_t max_cache;
    time_t max_cache_when;
    struct loop_timer *status_timer, *expiry_timer;
} anvil = { .clients.unit_s = &anvil_conf.anvil_rate_time_unit,
            .logins.unit_s = &anvil_conf.relevo_login_time_unit };

static int64_t unit_ms(const struct family *f) { return (int64_t)*f->unit_s * 1000; }

static bool unit_is_over(const struct remote *r, int64_t now)
{
    return now - r->unit_start_ms >= unit_ms(r->family);
}

static struct remote *remote_of(struct family *f, struct str ident)
{
    struct remote *r = map_get(&f->members, ident);

    if (r)
        return r;
    r = mem_alloc(sizeof *r);
    r->family = f;
    r->unit_start_ms = clock_now_ms();
    r->ident = (struct str){ mem_alloc(ident.len + 1), ident.len };
    memcpy(mem_unconst(r->ident.ptr), ident.ptr, ident.len);
    (void)map_set(&f->members, r->ident, r);
    if (f == &anvil.clients && f->members.count > anvil.max_cache) {
        anvil.max_cache = f->members.count;
        anvil.max_cache_when = time(NULL);
    }
    return r;
}

static void forget(struct remote *r)
{
    (void)map_remove(&r->family->members, r->ident);
    free(mem_unconst(r->ident.ptr));
    free(r);
}

static void refresh_unit(struct remote *r)
{
    int64_t now = clock_now_ms();

    if (unit_is_over(r, now)) {
        r->unit_start_ms = now;
        memset(r->rates, 0, sizeof r->rates);
    }
}

static void note_max(struct maximum *m, int value, struct str ident)
{
    if (value <= m->value)
        return;
    m->value = value;
    m->when = time(NULL);
    size_t n = MIN(ident.len, sizeof m->ident - 1);
    memcpy(m->ident, ident.ptr, n);
    m->ident[n] = '\0';
}

static int count_event(struct remote *r, enum counter counter)
{
    refresh_unit(r);
    r->rates[counter]++;
    if (r->family == &anvil.clients)
        note_max(&anvil.max_rate[counter], r->rates[counter], r->ident);
    return r->rates[counter];
}

static void release(struct local_server *s)
{
    struct remote *r = s->connected;

    s->connected = NULL;
    if (r && --r->connections <= 0 && unit_is_over(r, clock_now_ms()))
        forget(r);
}

static void put_status(struct buf *out, int status) { attr_put_int(out, "status", status); }

static void do_connect(struct local_server *s, struct remote *r, struct buf *out)
{
    release(s);
    s->connected = r;
    r->connections++;
    note_max(&anvil.max_count, r->connections, r->ident);
    int rate = count_event(r, COUNT_CONNECT);
    put_status(out, 0);
    attr_put_int(out, "count", r->connections);
    attr_put_int(out, "rate", rate);
}

static void do_disconnect(struct local_server *s, struct remote *r, struct buf *out)
{
    (void)r;
    release(s);
    put_status(out, 0);
}

static void do_event(struct remote *r, enum counter counter, struct buf *out)
{
    int rate = count_event(r, counter);

    put_status(out, 0);
    attr_put_int(out, "rate", rate);
}

static void do_message(struct local_server *s, struct remote *r, struct buf *out)
{
    (void)s;
    do_event(r, COUNT_MESSAGE, out);
}
static void do_recipient(struct local_server *s, struct remote *r, struct buf *out)
{
    (void)s;
    do_event(r, COUNT_RECIPIENT, out);
}
static void do_newtls(struct local_server *s, struct remote *r, struct buf *out)
{
    (void)s;
    do_event(r, COUNT_NEWTLS, out);
}
static void do_auth(struct local_server *s, struct remote *r, struct buf *out)
{
    (void)s;
    do_event(r, COUNT_AUTH, out);
}

static void do_newtls_status(struct local_server *s, struct remote *r, struct buf *out)
{
    (void)s;
    refresh_unit(r);
    put_status(out, 0);
    attr_put_int(out, "rate", r->rates[COUNT_NEWTLS]);
}

static void do_lookup(struct local_server *s, struct remote *r, struct buf *out)
{
    static const char *const names[COUNTERS] = { "rate", "mail", "rcpt", "newtls", "auth" };

    (void)s;
    refresh_unit(r);
    put_status(out, 0);
    attr_put_int(out, "count", r->connections);
    for (int i = 0; i < COUNTERS; i++)
        attr_put_int(out, names[i], r->rates[i]);
}

static const struct {
    const char *name;
    struct family *family;
    void (*act)(struct local_server *s, struct remote *r, struct buf *out);
} requests[] = {
    { "connect", &anvil.clients, do_connect },
    { "disconnect", &anvil.clients, do_disconnect },
    { "message", &anvil.clients, do_message },
    { "recipient", &anvil.clients, do_recipient },
    { "newtls", &anvil.clients, do_newtls },
    { "auth", &anvil.clients, do_auth },
    { "lookup", &anvil.clients, do_lookup },
    { "newtls_status", &anvil.clients, do_newtls_status },
    { "login_message", &anvil.logins, do_message },
    { "login_recipient", &anvil.logins, do_recipient },
};

static void handle(struct local_server *s, struct str request, struct str ident, struct buf *out)
{
    for (size_t i = 0; i < ARRAY_LEN(requests); i++) {
        if (!str_equal(request, str_from(requests[i].name)) || ident.len == 0)
            continue;
        requests[i].act(s, remote_of(requests[i].family, ident), out);
        attr_put_end(out);
        return;
    }
    log_warning("unrecognized request: \"" STR_FMT "\", ignored", STR_ARG(request));
    put_status(out, 1);
    attr_put_end(out);
}

static void drop(struct local_server *s)
{
    loop_unwatch(service_loop(anvil.svc), s->fd);
    release(s);
    close(s->fd);
    buf_free(&s->in);
    free(s);
}

/* Handle the first complete request in `in`; false when there is none. */
static bool take_request(struct local_server *s, struct buf *out)
{
    struct str in = buf_str(&s->in), name, value, request = STR_NONE, ident = STR_NONE;
    size_t length = attr_list_length(in);
    bool incomplete;

    if (length == 0)
        return false;
    while (attr_take(&in, &name, &value, &incomplete)) {
        if (str_equal(name, STR("request")))
            request = value;
        else if (str_equal(name, STR("ident")))
            ident = value;
    }
    handle(s, request, ident, out);
    buf_consume(&s->in, length);
    return true;
}

static void on_readable(void *context, int fd, uint32_t events)
{
    struct local_server *s = context;
    BUF_AUTO(out, REQUEST_MAX_BYTES);
    char *room = buf_reserve(&s->in, 512);
    ssize_t n = room ? recv(fd, room, 512, MSG_DONTWAIT) : 0;

    (void)events;
    if (n < 0 && errno == EAGAIN)
        return;
    if (n <= 0) {
        drop(s);
        return;
    }
    s->in.len += (size_t)n;
    while (take_request(s, &out))
        continue;
    /* Answers are far smaller than a socket's buffer; a client that does not read them is gone. */
    if (out.len && send(fd, out.ptr, out.len, MSG_DONTWAIT | MSG_NOSIGNAL) != (ssize_t)out.len)
        drop(s);
}

static void serve_client(struct service *svc, int fd)
{
    struct local_server *s = mem_alloc(sizeof *s);

    *s = (struct local_server){ .fd = fd, .in = BUF_INIT(REQUEST_MAX_BYTES) };
    loop_watch(service_loop(svc), fd, EPOLLIN, on_readable, s);
}

static void log_max(const char *what, struct maximum *m, bool rate)
{
    char when[32];
    struct tm local;

    if (m->value == 0)
        return;
    localtime_r(&m->when, &local);
    (void)strftime(when, sizeof when, "%b %e %H:%M:%S", &local);
    if (rate)
        log_info("statistics: max %s rate %d/%ds for (%s) at %s", what, m->value,
                 anvil_conf.anvil_rate_time_unit, m->ident, when);
    else
        log_info("statistics: max %s count %d for (%s) at %s", what, m->value, m->ident, when);
    m->value = 0;
}

static void log_statistics(void)
{
    static const char *const names[COUNTERS] = { "connection", "message", "recipient", "newtls",
                                                 "auth" };
    char when[32];
    struct tm local;

    for (int i = 0; i < COUNTERS; i++) {
        log_max(names[i], &anvil.max_rate[i], true);
        if (i == COUNT_CONNECT)
            log_max("connection", &anvil.max_count, false);
    }
    if (anvil.max_cache == 0)
        return;
    localtime_r(&anvil.max_cache_when, &local);
    (void)strftime(when, sizeof when, "%b %e %H:%M:%S", &local);
    log_info("statistics: max cache size %zu at %s", anvil.max_cache, when);
    anvil.max_cache = 0;
}

static void on_status_time(void *context)
{
    (void)context;
    log_statistics();
    anvil.status_timer =
        loop_timer_start(service_loop(anvil.svc),
                         (int64_t)anvil_conf.anvil_status_update_time * 1000, on_status_time, NULL);
}

/* Clients without connections whose time unit is over cost memory for nothing. */
static void expire(struct family *f)
{
    struct map_cursor cursor = { 0 };
    int64_t now = clock_now_ms();
    void *value;

    while (map_next(&f->members, &cursor, NULL, &value)) {
        struct remote *r = value;
        if (r->connections <= 0 && unit_is_over(r, now))
            forget(r);
    }
}

static void on_expiry_time(void *context)
{
    (void)context;
    expire(&anvil.clients);
    expire(&anvil.logins);
    anvil.expiry_timer =
        loop_timer_start(service_loop(anvil.svc), unit_ms(&anvil.clients), on_expiry_time, NULL);
}

static void start(struct service *svc)
{
    anvil.svc = svc;
    anvil.status_timer =
        loop_timer_start(service_loop(svc), (int64_t)anvil_conf.anvil_status_update_time * 1000,
                         on_status_time, NULL);
    anvil.expiry_timer =
        loop_timer_start(service_loop(svc), unit_ms(&anvil.clients), on_expiry_time, NULL);
}

static bool may_leave(struct service *svc)
{
    struct map_cursor cursor = { 0 };
    void *value;

    (void)svc;
    while (map_next(&anvil.clients.members, &cursor, NULL, &value))
        if (((struct remote *)value)->connections > 0)
            return false;
    log_statistics();
    return true;
}

static const struct service_spec spec = {
    .name = "anvil",
    .kind = SERVICE_MULTI,
    .params = (const struct param_set *const[]){ &anvil_param_set, NULL },
    .sandbox = SANDBOX_SERVICE,
    .process_limit = 1,
    .no_max_use = true,
    .drains =
        true, /* sessions that began before a reload keep their counts; others ask the successor */
    .after_jail = start,
    .serve = serve_client,
    .may_leave = may_leave,
};

int main(int argc, char **argv) { service_main(&spec, argc, argv); }
