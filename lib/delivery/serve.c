#include "delivery/serve.h"

#include "base/log.h"
#include "delivery/copy.h"
#include "delivery/fast_flush.h"
#include "delivery/finish.h"
#include "delivery/status_filter.h"
#include "delivery/user.h"
#include "os/cargo.h"
#include "os/lock.h"
#include "queue/queue_id.h"
#include "table/table.h"

#include <errno.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

static struct agent_owner find_owner(void)
{
    const struct user *user;

    if (user_find(site_conf.mail_owner, &user) != USER_FOUND)
        log_fatal("parameter mail_owner: unknown user name value: " STR_FMT,
                  STR_ARG(site_conf.mail_owner));
    return (struct agent_owner){ true, user->uid, user->gid };
}

void delivery_open(struct agent *a, struct service *svc, struct str filter, const char *parameter)
{
    struct conf *conf = service_conf(svc);

    delivery_log_open(conf);
    *a = (struct agent){
        .verify = finish_find_verify(conf),
        .status_filter = status_filter_open(filter, parameter),
        .fast_flush = fast_flush_open(conf),
    };
    if (service_keeps_root(svc))
        a->owner = find_owner();
}

void delivery_close(struct agent *a)
{
    status_filter_close(&a->status_filter);
    fast_flush_close(&a->fast_flush);
}

bool delivery_tables_changed(struct service *svc)
{
    BUF_AUTO(name, 1024);
    BUF_AUTO(main_cf, 0);

    if (!tables_have_changed(&name))
        return false;
    buf_join(&main_cf, str_from(conf_directory(service_conf(svc))), STR("/main.cf"));
    if (access(buf_cstr(&main_cf), R_OK) != 0) {
        service_restart_for(svc, buf_cstr(&name));
        return false;
    }
    log_info("table %s has changed -- opening all tables again", buf_cstr(&name));
    return true;
}

static void add_recipient(struct delivery *d, const struct delivery_recipient *info, size_t *room)
{
    if (d->count == *room) {
        struct delivery_rcpt *old = d->recipients;
        *room = *room ? *room * 2 : 8;
        d->recipients = arena_alloc(&d->arena, *room * sizeof *old);
        if (d->count)
            memcpy(d->recipients, old, d->count * sizeof *old);
    }
    d->recipients[d->count++] = (struct delivery_rcpt){ .info = *info };
}

bool delivery_decode(struct delivery *d, struct str body)
{
    size_t room = 0;

    d->recipients = NULL;
    d->count = 0;
    if (!delivery_request_decode(&body, &d->request))
        return false;
    while (body.len) {
        struct delivery_recipient info;
        if (!delivery_recipient_decode(&body, &info))
            return false;
        add_recipient(d, &info, &room);
    }
    return d->count > 0;
}

/* Root marks recipients in it, so it must be a file of the queue and nothing else. */
static bool is_of_the_queue(const struct agent *a, int fd)
{
    struct stat st;

    if (!a->owner.is_other)
        return true;
    if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_nlink == 1 && st.st_uid == a->owner.uid)
        return true;
    errno = EPERM;
    return false;
}

/* A request may have waited longer than the queue manager lived that sent it.  From when we hold the lock the next one
 * keeps away from the file; before that it may have delivered the mail and used the file for another message. */
static bool asker_has_gone(int socket)
{
    struct pollfd p = { .fd = socket, .events = POLLRDHUP };

    return poll(&p, 1, 0) > 0 && (p.revents & (POLLRDHUP | POLLHUP | POLLERR));
}

/* The queue file comes with the request: an agent can open none by itself.  -1: logged; the queue manager finds out by
 * itself what is wrong. */
static int take_queue_file(const struct delivery *d, int fd, int socket)
{
    const struct delivery_request *r = &d->request;
    struct queue_id id;

    if (fd < 0 || !queue_id_parse(r->queue_id, &id)) {
        log_warning("delivery request without a queue file: " STR_FMT, STR_ARG(r->queue_id));
    } else if (!is_of_the_queue(d->agent, fd)) {
        log_warning("%s: not a file of the queue: %m", id.text);
    } else if (!lock_try_shared(fd)) {
        log_warning("%s: cannot lock: %m", id.text);
    } else if (asker_has_gone(socket)) {
        log_debug("%s: nobody waits for the delivery", id.text);
    } else {
        return fd;
    }
    fd_close(&fd);
    return -1;
}

struct queue_file *delivery_content(struct delivery *d)
{
    queue_file_seek(&d->content, d->request.data_offset);
    return &d->content;
}

static void finish_forgotten(struct delivery *d)
{
    struct outcome o;

    for (size_t i = 0; i < d->count; i++) {
        if (d->recipients[i].finished)
            continue;
        log_warning(STR_FMT ": no result for recipient <" STR_FMT ">", STR_ARG(d->request.queue_id),
                    STR_ARG(d->recipients[i].info.address));
        outcome_make(&o, &d->arena, OUTCOME_DEFERRED, "4.3.0", "mail system configuration error");
        delivery_finish(d, &d->recipients[i], &o);
    }
}

static void handle_request(struct delivery *d, int file_fd, int socket,
                           void (*deliver)(struct delivery *d))
{
    d->reply = (struct delivery_reply){ .result = DELIVERY_DONE, .keep = 1 };
    d->relay = STR("none");
    d->conn_use = 0;
    d->delivered_to = NULL;
    d->tls_summary = STR_NONE;
    d->times = (struct delivery_times){ .deliver_start = clock_wall() };
    d->file_fd = take_queue_file(d, file_fd, socket);
    if (d->file_fd < 0) {
        d->reply.result = DELIVERY_DEFERRED;
        return;
    }
    queue_file_init(&d->content, d->file_fd);
    deliver(d);
    finish_forgotten(d);
    queue_file_close(&d->content); /* the lock goes with it */
    d->file_fd = -1;
    copy_forget(d);
}

/* What a server far away says may be of any length. */
static bool reply(struct channel *c, struct delivery *d)
{
    d->reply.reason = str_sub(d->reply.reason, 0, DELIVERY_REASON_MAX);
    delivery_reply_encode(channel_begin(c, DELIVERY_REPLY_FRAME), &d->reply);
    return channel_end(c) && channel_flush(c);
}

/* How one channel is served. */
struct manner {
    bool may_keep; /* the channel for further requests */
    void (*deliver)(struct delivery *d);
    void (*idle)(void);
};

/* One request from the channel; false when the relation is over.  The skeleton has counted the
 * first one. */
static bool serve_one(struct channel *c, struct cargo *cargo, struct delivery *d, bool first,
                      const struct manner *m)
{
    struct str body;
    char kind;

    if (channel_receive(c, &kind, &body) != IO_OK)
        return false;
    if (kind != DELIVERY_REQUEST_FRAME || !delivery_decode(d, body)) {
        log_warning("malformed delivery request");
        return false;
    }
    if (!first)
        service_count_use(d->svc);
    handle_request(d, cargo_take(cargo), c->link.stream.fd, m->deliver);
    if (!m->may_keep || service_should_leave(d->svc))
        d->reply.keep = 0;
    bool keep = d->reply.keep;
    /* Once it has the reply, the queue manager may let another agent connect in our place. */
    if (!keep && m->idle)
        m->idle();
    bool sent = reply(c, d);
    arena_reset(&d->arena);
    return sent && keep;
}

void delivery_serve(const struct agent *a, struct service *svc, int fd, int idle_wait_s,
                    void (*deliver)(struct delivery *d), void (*idle)(void))
{
    struct manner manner = { .may_keep = idle_wait_s > 0, .deliver = deliver, .idle = idle };
    struct delivery d = { .svc = svc, .agent = a, .file_fd = -1 };
    struct cargo cargo = CARGO_NONE;
    struct channel c;
    bool first = true;

    channel_init(&c, fd, MAX(idle_wait_s, 1));
    cargo_attach(&c.link.stream, &cargo);
    while (serve_one(&c, &cargo, &d, first, &manner))
        first = false;
    if (idle)
        idle();
    arena_free(&d.arena);
    channel_release(&c); /* the skeleton closes it */
}
