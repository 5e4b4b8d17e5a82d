/* qmqpd - receive mail from list servers by QMQP.
 *
 * Runs as:   mail_owner, inside the queue directory when master.cf says chroot
 * Trusts:    main.cf; the clients that qmqpd_authorized_clients names may relay anywhere
 * Distrusts: every byte from the client */
#include "base/log.h"
#include "base/netstring.h"
#include "client/cleanup.h"
#include "os/link.h"
#include "smtpd/first_lines.h"
#include "smtpd/peer.h"
#include "smtpd/qmqpd/package.h"
#include "text/address.h"
#include "text/date.h"

#include <time.h>
#include <unistd.h>

/* Sender, recipients and lengths besides the message itself. */
#define ENVELOPE_MAX (16L * 1024 * 1024)
/* When message_size_limit is 0: the message is kept in memory. */
#define MESSAGE_MAX     (256L * 1024 * 1024)
#define HEAD_MAX        16
#define VERP_SUFFIX     "-@[]"
#define VERP_DELIMITERS "-="

static struct setup setup;
static struct match_list *authorised;

/* One request, from the connection to the answer. */
struct request {
    struct session s; /* for its peer */
    struct link link;
    struct cleanup_client cleanup;
};

/* Our answer, and for a refusal a pause: mailing list managers come back at once. */
static void answer(struct request *q, char kind, struct str text)
{
    BUF_AUTO(line, 4096);

    buf_addc(&line, kind);
    buf_add(&line, text);
    buf_addf(&q->link.out, "%zu:" STR_FMT ",", line.len, STR_ARG(buf_str(&line)));
    if (kind != 'K' && qmqpd_conf.qmqpd_error_delay > 0)
        (void)sleep((unsigned)qmqpd_conf.qmqpd_error_delay);
    if (link_flush(&q->link) != IO_OK)
        log_info(STR_FMT ": lost connection while sending completion status",
                 STR_ARG(q->s.peer.shown));
}

static void refuse(struct request *q, char kind, struct str text)
{
    log_info("NOQUEUE: " STR_FMT ": " STR_FMT, STR_ARG(q->s.peer.shown), STR_ARG(text));
    answer(q, kind, text);
}

static size_t package_limit(void)
{
    int64_t message = site_conf.message_size_limit > 0 ? site_conf.message_size_limit : MESSAGE_MAX;

    return (size_t)(MIN(message, MESSAGE_MAX) + ENVELOPE_MAX);
}

/* Read the outer netstring; its content is borrowed from the link. */
static bool read_package(struct request *q, struct str *content)
{
    size_t length = 0, head = 0;

    for (;;) {
        struct str in = buf_str(&q->link.in), rest = in;
        if (head == 0) {
            switch (netstring_take_head(&rest, package_limit(), &length)) {
            case NETSTRING_OK:
                head = in.len - rest.len;
                break;
            case NETSTRING_BAD:
            case NETSTRING_LONG:
                refuse(q, 'D', STR("Error: malformed or too large request"));
                return false;
            case NETSTRING_MORE:
                break;
            }
        }
        if (head && in.len > head + length) {
            *content = str_sub(in, head, head + length);
            return in.ptr[head + length] == ',';
        }
        enum io_result got = link_fill(&q->link);
        if (got != IO_OK) {
            log_info(STR_FMT ": %s while receiving request", STR_ARG(q->s.peer.shown),
                     got == IO_TIMEOUT ? "timeout" : "lost connection");
            return false;
        }
    }
}

static void put_attr(struct buf *out, const char *name, struct str value)
{
    if (value.len)
        record_put_attr(out, name, value);
}

/* list-@origin-@[] asks for a sender of its own for each recipient. */
static void put_sender(struct buf *out, struct str sender, struct arena *a)
{
    struct str base = sender;
    BUF_AUTO(plain, 0);

    if (!str_ends(sender, STR(VERP_SUFFIX))) {
        record_put(out, REC_SENDER, sender);
        return;
    }
    base.len -= sizeof VERP_SUFFIX - 1;
    struct address_parts parts = address_split(base);
    if (str_ends(parts.local, STR("-")))
        parts.local.len--;
    buf_join(&plain, parts.local, STR("@"), parts.domain);
    record_put(out, REC_SENDER, arena_str(a, buf_str(&plain)));
    record_put(out, REC_VERP, STR(VERP_DELIMITERS));
}

static void put_envelope(struct request *q, const struct qmqp_package *p, struct buf *out)
{
    const struct peer *peer = &q->s.peer;
    struct str recipients = p->recipients, recipient;

    record_put_time(out, clock_wall());
    record_put_attr(out, "log_ident", queue_id_str(&q->cleanup.id));
    record_put_attr(out, "rewrite_context", STR("local"));
    if (site_conf.content_filter.len)
        record_put(out, REC_FILTER, site_conf.content_filter);
    put_sender(out, p->sender, &q->s.arena);
    put_attr(out, "log_client_name", peer->name);
    put_attr(out, "log_client_address", peer->address);
    put_attr(out, "log_client_port", peer->port);
    put_attr(out, "log_message_origin", peer->shown);
    put_attr(out, "log_protocol_name", STR("QMQP"));
    put_attr(out, "client_name", peer->name);
    put_attr(out, "reverse_client_name", peer->reverse_name);
    put_attr(out, "client_address", peer->address);
    put_attr(out, "client_port", peer->port);
    put_attr(out, "protocol_name", STR("QMQP"));
    while (netstring_take(&recipients, &recipient)) {
        record_put(out, REC_RCPT, recipient);
        cleanup_client_pump(&q->cleanup);
        out = cleanup_client_records(&q->cleanup);
    }
    record_put(out, REC_MESSAGE, STR_NONE);
}

/* Received says for whom when it is only one. */
static void put_id(struct request *q, struct str recipients, struct buf *out)
{
    struct str id = queue_id_str(&q->cleanup.id), recipient;
    BUF_AUTO(path, 0);

    if (!netstring_take(&recipients, &recipient) || recipients.len) {
        buf_join(out, STR("\n\tid "), id, STR("; "));
        return;
    }
    buf_join(out, STR(" id "), id, STR("\n\tfor <"));
    address_quote(recipient, &path);
    for (size_t i = 0; i < path.len; i++)
        buf_addc(out, (char)(char_is_control(path.ptr[i]) ? ' ' : path.ptr[i]));
    buf_add(out, STR(">; "));
}

static void put_received(struct request *q, struct str recipients, struct buf *out)
{
    BUF_AUTO(text, 0);
    time_t now = time(NULL);
    struct tm local;

    localtime_r(&now, &local);
    buf_join(&text, STR("Received: from "), q->s.peer.name, STR(" ("), q->s.peer.name, STR(" ["));
    peer_format_tagged(&q->s.peer, &text);
    buf_join(&text, STR("])\n\tby "), site_conf.myhostname, STR(" ("), site_conf.mail_name,
             STR(") with QMQP"));
    put_id(q, recipients, &text);
    date_format(&local, local.tm_gmtoff, str_from_null(local.tm_zone), &text);
    for (struct str rest = buf_str(&text); rest.len;)
        record_put(out, REC_TEXT, str_cut(&rest, '\n'));
}

static void put_content(struct request *q, const struct qmqp_package *p)
{
    struct str message = p->message;
    struct first_lines first = { .over = false };

    put_received(q, p->recipients, cleanup_client_records(&q->cleanup));
    while (message.len) {
        struct str line = str_cut(&message, '\n');
        struct buf *to = cleanup_client_records(&q->cleanup);
        first_lines_look(&first, line, true, to);
        record_put_line(to, line, (size_t)site_conf.line_length_limit);
        cleanup_client_pump(&q->cleanup);
    }
    struct buf *out = cleanup_client_records(&q->cleanup);
    record_put(out, REC_EXTRACTED, STR_NONE);
    record_put(out, REC_END, STR_NONE);
}

static const struct {
    char kind;
    struct str text;
} refusals[] = {
    [CLEANUP_BAD] = { 'Z', STR("Error: internal error 1") },
    [CLEANUP_WRITE] = { 'Z', STR("Error: queue file write error") },
    [CLEANUP_SIZE] = { 'D', STR("Error: message too large") },
    [CLEANUP_CONTENT] = { 'D', STR("Error: message content rejected") },
    [CLEANUP_HOPS] = { 'D', STR("Error: too many hops") },
    [CLEANUP_NO_RCPT] = { 'D', STR("Error: no recipients specified") },
    [CLEANUP_DEFER] = { 'Z', STR("Error: service unavailable") },
    [CLEANUP_SPACE] = { 'Z', STR("Error: insufficient system storage") },
};

static void refuse_message(struct request *q, char kind, struct str text)
{
    log_warning("%s: " STR_FMT ": " STR_FMT, q->cleanup.id.text, STR_ARG(q->s.peer.shown),
                STR_ARG(text));
    answer(q, kind, text);
}

static void answer_verdict(struct request *q)
{
    struct cleanup_verdict v = cleanup_client_end(&q->cleanup);
    BUF_AUTO(text, 1024);

    if (v.status == CLEANUP_OK) {
        buf_join(&text, STR("Ok: queued as "), queue_id_str(&q->cleanup.id));
        answer(q, 'K', buf_str(&text));
        return;
    }
    bool known = v.status > 0 && v.status < (int)ARRAY_LEN(refusals) && refusals[v.status].kind;
    int status = known ? v.status : CLEANUP_BAD;
    if (v.status == CLEANUP_CONTENT && v.reason.len) {
        buf_join(&text, STR("Error: "), v.reason);
        refuse_message(q, v.reason.ptr[0] == '4' ? 'Z' : 'D', buf_str(&text));
        return;
    }
    refuse_message(q, refusals[status].kind, refusals[status].text);
}

static bool client_is_authorised(struct request *q)
{
    BUF_AUTO(text, 512);

    switch (match_host_address(authorised, q->s.peer.name, q->s.peer.address)) {
    case MATCH_YES:
        return true;
    case MATCH_NO:
        buf_join(&text, STR("Error: "), q->s.peer.shown,
                 STR(" is not authorized to use this service"));
        refuse(q, 'D', buf_str(&text));
        return false;
    case MATCH_ERROR:
        break;
    }
    answer(q, 'Z', STR("Error: server configuration error"));
    return false;
}

static void receive(struct request *q)
{
    struct qmqp_package package;
    struct str content;

    if (!client_is_authorised(q))
        return;
    if (!read_package(q, &content))
        return;
    if (!qmqp_package_parse(content, &package)) {
        refuse(q, 'D', STR("Error: malformed request"));
        return;
    }
    if (!qmqp_package_fits(&package, RECORD_FACT_MAX)) {
        refuse(q, 'D', STR("Error: address too long"));
        return;
    }
    if (!cleanup_client_open(&q->cleanup, site_conf.cleanup_service_name, setup.cleanup_flags, 0,
                             site_conf.ipc_timeout)) {
        refuse(q, 'Z', STR("Error: queue file write error"));
        return;
    }
    log_info("%s: client=" STR_FMT, q->cleanup.id.text, STR_ARG(q->s.peer.shown));
    put_envelope(q, &package, cleanup_client_records(&q->cleanup));
    put_content(q, &package);
    answer_verdict(q);
}

static void serve_client(struct service *svc, int fd)
{
    struct request q = { .s = { .setup = &setup, .stream.fd = fd },
                         .cleanup = CLEANUP_CLIENT_INIT };

    (void)svc;
    link_init(&q.link, fd, qmqpd_conf.qmqpd_timeout, package_limit() + HEAD_MAX, 4096);
    peer_identify(&q.s);
    peer_lookup_names(&q.s);
    peer_update_shown(&q.s);
    log_info("connect from " STR_FMT, STR_ARG(q.s.peer.shown));
    receive(&q);
    log_info("disconnect from " STR_FMT, STR_ARG(q.s.peer.shown));
    cleanup_client_close(&q.cleanup);
    link_release(&q.link); /* the skeleton closes it */
    arena_free(&q.s.scratch);
    arena_free(&q.s.arena);
}

static void open_tables(struct service *svc)
{
    setup.svc = svc;
    setup.dns = dns_open("/etc/hosts");
    setup.cleanup_flags = CLEANUP_FLAGS_EXTERNAL | cleanup_utf8_flag(STR("qmqpd"));
    setup.logs_port = qmqpd_conf.qmqpd_client_port_logging;
    authorised = match_list_open(qmqpd_conf.qmqpd_authorized_clients, "qmqpd_authorized_clients",
                                 match_flags_for("qmqpd_authorized_clients"));
}

static const struct service_spec qmqpd = {
    .name = "qmqpd",
    .kind = SERVICE_SINGLE,
    .params = (const struct param_set *const[]){ &qmqpd_param_set, &smtpd_param_set, NULL },
    .sandbox = SANDBOX_ACCEPT,
    .ports = DNS_PORTS,
    .paths = (const struct sandbox_path[]){ { NULL, SANDBOX_READ } },
    .process_limit = -1,
    .serves_others = true,
    .before_jail = open_tables,
    .serve = serve_client,
};

int main(int argc, char **argv) { service_main(&qmqpd, argc, argv); }
