/* bounce - keeps the delivery logs of messages and makes reports of them; also known as defer and
 * trace.
 *
 * Runs as:   mail_owner, inside the queue directory when master.cf says chroot
 * Trusts:    main.cf, bounce_template_file, its clients (qmgr, delivery agents, cleanup)
 * Distrusts: what stands in a queue file or came from a remote system: reasons, addresses,
 * headers */
#include "services/bounce/bounce.h"

#include "base/log.h"
#include "base/mem.h"
#include "ipc/channel.h"
#include "os/fd.h"
#include "queue/bounce_log.h"
#include "text/address.h"
#include "text/dsn.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>

#define TEMPLATE_FILE_MAX (256UL * 1024)

static struct bounce_service the_service;

/* ---- reports from a log ---- */

struct entries {
    struct bounce_append *items;
    size_t count, room;
};

static void take_entries(struct str text, struct entries *e)
{
    struct bounce_append entry;

    while (bounce_log_take(&text, &entry)) {
        if (e->count == e->room) {
            e->room = e->room ? e->room * 2 : 8;
            e->items = mem_resize(e->items, e->room * sizeof *e->items);
        }
        e->items[e->count++] = entry;
    }
}

/* A success report is for recipients whose sender asked for it; everything else in a trace log was
 * asked for by sendmail -v or -bv. */
static enum template_kind trace_kind(const struct entries *e, char kind)
{
    if (kind == BOUNCE_CONFIRM)
        return TEMPLATE_SUCCESS;
    for (size_t i = 0; i < e->count; i++)
        if (!(e->items[i].dsn_notify & DSN_NOTIFY_SUCCESS) ||
            str_ends(e->items[i].action, STR("deliverable")))
            return TEMPLATE_VERIFY;
    return TEMPLATE_SUCCESS;
}

static bool report_log(const struct bounce_service *b, const struct bounce_report *about, char kind)
{
    BUF_AUTO(text, BOUNCE_LOG_MAX);
    struct entries e = { 0 };
    struct queue_id id;

    if (!queue_id_parse(about->queue_id, &id))
        return false;
    switch (bounce_read_log(b, &id, &text)) {
    case BOUNCE_LOG_OK:
        break;
    case BOUNCE_LOG_ABSENT:
        /* Reported before the client heard of it; but a message must not expire without a word. */
        return strcmp(b->dir, QUEUE_DEFER) != 0;
    case BOUNCE_LOG_ERROR:
        return false;
    }
    take_entries(buf_str(&text), &e);
    enum template_kind which = kind == BOUNCE_WARN                ? TEMPLATE_DELAY
                               : strcmp(b->dir, QUEUE_TRACE) == 0 ? trace_kind(&e, kind)
                                                                  : TEMPLATE_FAILURE;
    bool ok = bounce_notify(b, about, which, e.items, e.count, kind == BOUNCE_VERP);
    free(e.items);
    return ok && (kind == BOUNCE_WARN || bounce_remove_log(b, &id));
}

/* ---- requests ---- */

static bool on_append(const struct bounce_service *b, struct str body)
{
    struct bounce_append entry;

    return bounce_append_decode(&body, &entry) && bounce_append_entry(b, &entry);
}

static bool on_report(const struct bounce_service *b, char kind, struct str body)
{
    struct bounce_report about;

    return bounce_report_decode(&body, &about) && report_log(b, &about, kind);
}

static bool on_one(const struct bounce_service *b, struct str body)
{
    struct bounce_report about;
    struct bounce_append entry;
    BUF_AUTO(recipient, 0);
    BUF_AUTO(original, 0);

    if (!bounce_report_decode(&body, &about) || !bounce_append_decode(&body, &entry))
        return false;
    address_quote(entry.recipient, &recipient);
    address_quote(entry.orig_rcpt, &original);
    entry.recipient = buf_str(&recipient);
    entry.orig_rcpt = buf_str(&original);
    return bounce_notify(b, &about, TEMPLATE_FAILURE, &entry, 1, false);
}

static bool handle(const struct bounce_service *b, char kind, struct str body)
{
    switch (kind) {
    case BOUNCE_APPEND:
        return on_append(b, body);
    case BOUNCE_FLUSH:
    case BOUNCE_WARN:
    case BOUNCE_VERP:
    case BOUNCE_CONFIRM:
        return on_report(b, kind, body);
    case BOUNCE_ONE:
        return on_one(b, body);
    default:
        log_warning("unknown request type %d", (unsigned char)kind);
        return false;
    }
}

static void serve(struct service *svc, int fd)
{
    struct channel c;
    struct str body;
    char kind;

    (void)svc;
    channel_init(&c, fd, site_conf.ipc_timeout);
    while (channel_receive(&c, &kind, &body) == IO_OK) {
        struct bounce_reply reply = { .status = handle(&the_service, kind, body) ? 0 : 1 };

        bounce_reply_encode(channel_begin(&c, BOUNCE_REPLY), &reply);
        if (!channel_end(&c) || !channel_flush(&c))
            break;
    }
    channel_release(&c); /* the skeleton closes it */
}

/* ---- start ---- */

static void load_templates(struct bounce_service *b)
{
    struct str file = site_conf.bounce_template_file;
    BUF_AUTO(error, 1000);

    templates_builtin(&b->templates);
    if (file.len == 0)
        return;
    b->template_file = BUF_INIT(TEMPLATE_FILE_MAX);
    if (!fd_read_file(AT_FDCWD, file.ptr, &b->template_file)) {
        log_warning("open bounce_template_file " STR_FMT ": %s -- using built-in templates",
                    STR_ARG(file), strerror(errno));
    } else if (!templates_parse(buf_str(&b->template_file), file, &b->templates, &error)) {
        log_warning("%s -- using built-in templates", buf_cstr(&error));
        templates_builtin(&b->templates);
    }
}

static const char *dir_of(struct str name)
{
    if (str_equal(name, site_conf.defer_service_name))
        return QUEUE_DEFER;
    return str_equal(name, site_conf.trace_service_name) ? QUEUE_TRACE : QUEUE_BOUNCE;
}

static void before_jail(struct service *svc)
{
    the_service.svc = svc;
    the_service.dir = dir_of(service_name(svc));
    the_service.layout =
        (struct queue_layout){ site_conf.hash_queue_names, site_conf.hash_queue_depth };
    load_templates(&the_service);
}

static const struct sandbox_path paths[] = {
    { QUEUE_BOUNCE, SANDBOX_CHANGE }, { QUEUE_DEFER, SANDBOX_CHANGE },
    { QUEUE_TRACE, SANDBOX_CHANGE },  { QUEUE_ACTIVE, SANDBOX_READ },
    { QUEUE_INCOMING, SANDBOX_READ }, { QUEUE_DEFERRED, SANDBOX_READ },
    { QUEUE_HOLD, SANDBOX_READ },     { "public", SANDBOX_WRITE },
    { NULL, SANDBOX_READ },
};

static const struct service_spec bounce = {
    .name = "bounce",
    .kind = SERVICE_SINGLE,
    .params = (const struct param_set *const[]){ &bounce_param_set, &qmgr_param_set, NULL },
    .sandbox = SANDBOX_QUEUE,
    .paths = paths,
    .process_limit = -1,
    .before_jail = before_jail,
    .serve = serve,
};

int main(int argc, char **argv) { service_main(&bounce, argc, argv); }
