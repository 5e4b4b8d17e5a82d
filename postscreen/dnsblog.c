/* dnsblog - ask DNS lists about clients, for postscreen(8), and log what they say.
 *
 * Runs as:   a user of its own, inside the queue directory when master.cf says chroot
 * Trusts:    main.cf
 * Distrusts: what name servers answer
 *
 * One question a connection, any number of connections at a time. */
#include "ipc/messages/dnsblog.h"

#include "base/log.h"
#include "base/mem.h"
#include "dns/lookup.h"
#include "ipc/channel.h"
#include "os/fd.h"
#include "service/service.h"
#include "text/netaddr.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#define QUESTION_MAX 1024UL
#define ANSWER_MAX   4096

struct asker {
    int fd;
    struct buf in;
    struct buf address, domain, name; /* of the question under way; what is looked up for it */
    struct buf answer;
    struct query *query;
    struct loop_timer *delay;
};

static struct {
    struct service *svc;
    struct lookups *lookups;
    size_t askers;
} dnsblog;

static struct loop *loop(void) { return service_loop(dnsblog.svc); }

static void drop(struct asker *a)
{
    query_cancel(a->query);
    loop_timer_cancel(loop(), &a->delay);
    loop_unwatch(loop(), a->fd);
    fd_close(&a->fd);
    buf_free(&a->in);
    buf_free(&a->address);
    buf_free(&a->domain);
    buf_free(&a->name);
    buf_free(&a->answer);
    free(a);
    dnsblog.askers--;
}

/* An answer fits into the socket's buffer, as it is the only one. */
static void send_answer(void *context)
{
    struct asker *a = context;

    a->delay = NULL;
    if (send(a->fd, a->answer.ptr, a->answer.len, MSG_DONTWAIT | MSG_NOSIGNAL) < 0)
        drop(a);
}

static void answer(struct asker *a, struct str addresses, int64_t ttl)
{
    BUF_AUTO(body, ANSWER_MAX);

    dnsblog_answer_encode(&body, &(struct dnsblog_answer){ addresses, ttl });
    if (!channel_frame(&a->answer, DNSBLOG_ANSWER, buf_str(&body)))
        return;
    if (postscreen_conf.dnsblog_reply_delay)
        a->delay = loop_timer_start(loop(), (int64_t)postscreen_conf.dnsblog_reply_delay * 1000,
                                    send_answer, a);
    else
        send_answer(a);
}

/* ---- the query ---- */

static void add_reversed(const struct netaddr *client, struct buf *name)
{
    for (unsigned i = client->size; i-- > 0;) {
        if (client->size == 4)
            buf_addf(name, "%u.", client->bytes[i]);
        else
            buf_addf(name, "%x.%x.", client->bytes[i] & 15U, client->bytes[i] >> 4U);
    }
}

static void take_records(const struct asker *a, const struct dns_record *records, struct buf *list)
{
    for (const struct dns_record *r = records; r; r = r->next) {
        BUF_AUTO(text, NETADDR_TEXT_MAX);
        if (!net_addr_format(&r->addr, &text))
            continue;
        log_info("addr " STR_FMT " listed by domain " STR_FMT " as " STR_FMT,
                 STR_ARG(buf_str(&a->address)), STR_ARG(buf_str(&a->domain)),
                 STR_ARG(buf_str(&text)));
        buf_join(list, list->len ? STR(" ") : STR(""), buf_str(&text));
    }
}

static bool is_failure(enum dns_status status)
{
    return status != DNS_OK && status != DNS_NOT_FOUND && status != DNS_NO_DATA;
}

static void log_failure(const struct asker *a, enum dns_status status)
{
    struct str name = buf_str(&a->name);

    log_warning("dnsblog_query: lookup error for DNS query " STR_FMT
                ": Host or domain name not found. Name service error for name=" STR_FMT
                " type=A: %s",
                STR_ARG(name), STR_ARG(name), dns_status_text(status));
}

static void on_records(void *context, const struct query_answer *found)
{
    struct asker *a = context;
    BUF_AUTO(list, ANSWER_MAX / 2);

    a->query = NULL;
    if (is_failure(found->status))
        log_failure(a, found->status);
    take_records(a, found->records, &list);
    answer(a, buf_str(&list), found->ttl);
}

static void ask(struct asker *a, const struct netaddr *client)
{
    add_reversed(client, &a->name);
    buf_add(&a->name, buf_str(&a->domain));
    struct query *q = query_start(dnsblog.lookups, buf_str(&a->name), on_records, a);
    if (q)
        a->query = q;
}

/* ---- askers ---- */

/* False: it is none of ours. */
static bool take_question(struct asker *a, char kind, struct str body)
{
    struct dnsblog_question question;
    struct netaddr client;

    if (kind != DNSBLOG_QUESTION || a->domain.len || !dnsblog_question_decode(&body, &question) ||
        question.domain.len == 0 || !netaddr_parse(question.address, &client))
        return false;
    buf_add(&a->address, question.address);
    buf_add(&a->domain, question.domain);
    ask(a, &client);
    return true;
}

static void on_readable(void *context, int fd, uint32_t events)
{
    struct asker *a = context;
    char *room = buf_reserve(&a->in, QUESTION_MAX);
    ssize_t n = room ? recv(fd, room, QUESTION_MAX, MSG_DONTWAIT) : 0;
    struct str in, body;
    bool bad = false;
    char kind;

    (void)events;
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (n <= 0) {
        drop(a);
        return;
    }
    a->in.len += (size_t)n;
    in = buf_str(&a->in);
    if (!channel_split(&in, &kind, &body, &bad) ? bad : !take_question(a, kind, body))
        drop(a);
}

static void serve_asker(struct service *svc, int fd)
{
    struct asker *a = mem_alloc(sizeof *a);

    *a = (struct asker){ .fd = fd, .in = BUF_INIT(2 * QUESTION_MAX) };
    dnsblog.askers++;
    loop_watch(service_loop(svc), fd, EPOLLIN, on_readable, a);
}

static void open_resolver(struct service *svc)
{
    dnsblog.svc = svc;
    dnsblog.lookups = lookups_open("/etc/hosts");
}

static void use_loop(struct service *svc) { lookups_use_loop(dnsblog.lookups, service_loop(svc)); }

static bool nobody_asks(struct service *svc)
{
    (void)svc;
    return dnsblog.askers == 0;
}

static const struct service_spec spec = {
    .name = "dnsblog",
    .kind = SERVICE_MULTI,
    .params = (const struct param_set *const[]){ &postscreen_param_set, NULL },
    .sandbox = SANDBOX_ACCEPT,
    .ports = DNS_PORTS,
    .process_limit = 0,
    .no_max_use = true,
    .drains = true,
    .before_jail = open_resolver,
    .after_jail = use_loop,
    .serve = serve_asker,
    .may_leave = nobody_asks,
};

int main(int argc, char **argv) { service_main(&spec, argc, argv); }
