/* showq - tell what is in the queue: mailq(1) and monitoring programs connect, and read.
 *
 * Runs as:   mail_owner, inside the queue directory when master.cf says chroot
 * Trusts:    main.cf
 * Distrusts: queue files, which hold strangers' addresses; the client, which is only written to.  Users who do
 *            not read what they asked for give way to others */
#include "os/link.h"
#include "os/socket.h"
#include "queue/listing.h"
#include "service/service.h"

#define SEND_AT (64UL * 1024)

struct client {
    struct service *svc;
    struct link link;
    bool gone;
};

static void send_if(struct client *c, size_t enough)
{
    if (c->gone || c->link.out.len < enough)
        return;
    service_note_wait(c->svc, true);
    c->gone = link_flush(&c->link) != IO_OK;
    service_note_wait(c->svc, false);
}

static void send_message(void *context, const struct listing_message *m)
{
    struct client *c = context;

    listing_put_message(&c->link.out, m);
}

/* A message may have a million recipients. */
static void send_recipient(void *context, const struct listing_recipient *r)
{
    struct client *c = context;

    if (!c->gone)
        listing_put_recipient(&c->link.out, r);
    send_if(c, SEND_AT);
}

static void send_message_end(void *context)
{
    struct client *c = context;

    listing_put_end(&c->link.out);
    send_if(c, SEND_AT);
}

static bool client_is_there(void *context) { return !((const struct client *)context)->gone; }

static void note_user(struct service *svc, int fd)
{
    uid_t uid;

    if (socket_peer_uid(fd, &uid))
        service_note_client(svc, uid + 1); /* 0 is nobody */
}

static void serve_client(struct service *svc, int fd)
{
    const struct queue_layout layout = { site_conf.hash_queue_names, site_conf.hash_queue_depth };
    struct client c = { .svc = svc };
    const struct listing_sink sink = { send_message, send_recipient, send_message_end, &c };

    note_user(svc, fd);
    link_init(&c.link, fd, site_conf.ipc_timeout, 0, 0);
    c.link.stream.called_off = service_is_called_off(svc);
    listing_put_head(&c.link.out);
    listing_read_queues(&layout, &sink, client_is_there);
    listing_put_end(&c.link.out);
    send_if(&c, 1);
    link_release(&c.link); /* the skeleton closes it */
}

static const struct service_spec showq = {
    .name = "showq",
    .kind = SERVICE_SINGLE,
    .params = (const struct param_set *const[]){ NULL },
    .sandbox = SANDBOX_SERVICE,
    .paths = (const struct sandbox_path[]){ { QUEUE_MAILDROP, SANDBOX_READ },
                                            { QUEUE_ACTIVE, SANDBOX_READ },
                                            { QUEUE_INCOMING, SANDBOX_READ },
                                            { QUEUE_DEFERRED, SANDBOX_READ },
                                            { QUEUE_HOLD, SANDBOX_READ },
                                            { QUEUE_DEFER, SANDBOX_READ },
                                            { QUEUE_BOUNCE, SANDBOX_READ },
                                            { NULL, SANDBOX_READ } },
    .process_limit = -1,
    .serve = serve_client,
};

int main(int argc, char **argv) { service_main(&showq, argc, argv); }
