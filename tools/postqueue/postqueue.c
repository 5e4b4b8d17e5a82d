/* postqueue - look at the queue and have mail tried again; for every user.
 *
 * Runs as:   the caller, with the group postdrop (set-group-id), which opens the sockets in public/
 * Trusts:    main.cf in the default directory, and directories that it names
 * Distrusts: arguments, environment, descriptors */
#include "base/log.h"
#include "client/flush.h"
#include "conf/command.h"
#include "os/fd.h"
#include "os/socket.h"
#include "queue/notify.h"
#include "table/match.h"
#include "text/hostname.h"
#include "tools/postqueue/report.h"

#include <errno.h>
#include <signal.h>
#include <sys/stat.h>
#include <sysexits.h>
#include <unistd.h>

#define READ_SIZE (128UL * 1024)
#define WRITE_AT  (64UL * 1024)

/* Seconds: a person, or a program that watches the queue, waits for no service that is silent for longer. */
#define SILENCE_MAX 300

enum action {
    ACTION_NONE,
    ACTION_TEXT,
    ACTION_JSON,
    ACTION_FLUSH,
    ACTION_FLUSH_ID,
    ACTION_FLUSH_SITE
};

struct postqueue {
    struct conf *conf;
    const char *config_dir;
    enum action action;
    const char *argument;
};

NORETURN static void usage(void)
{
    log_fatal("usage: postqueue -f | postqueue -i queueid | postqueue -j | postqueue -p | "
              "postqueue -s site");
}

static void set_action(struct postqueue *q, enum action action, const char *argument)
{
    if (q->action != ACTION_NONE)
        usage();
    q->action = action;
    q->argument = argument;
}

static void parse_options(struct postqueue *q, int argc, char **argv)
{
    int letter;

    while ((letter = getopt(argc, argv, "+c:fi:jps:v")) != -1) {
        switch (letter) {
        case 'c':
            q->config_dir = optarg;
            break;
        case 'f':
            set_action(q, ACTION_FLUSH, NULL);
            break;
        case 'i':
            set_action(q, ACTION_FLUSH_ID, optarg);
            break;
        case 'j':
            set_action(q, ACTION_JSON, NULL);
            break;
        case 'p':
            set_action(q, ACTION_TEXT, NULL);
            break;
        case 's':
            set_action(q, ACTION_FLUSH_SITE, optarg);
            break;
        case 'v':
            command_more_verbose();
            break;
        default:
            usage();
        }
    }
    if (optind < argc)
        usage();
}

/* Such a call is known to be wrong when main.cf was read, and the log hears of it. */
static void require_action(const struct postqueue *q)
{
    if (q->action == ACTION_NONE)
        usage();
}

/* ---- rights ---- */

/* The default lets everybody; then no table is opened. */
static void require_right(struct postqueue *q, const char *parameter, const char *what)
{
    struct str text = conf_value(q->conf, str_from(parameter));

    if (str_equal(str_trim(text), STR("static:anyone")))
        return;
    struct match_list *users = match_list_open(text, parameter, 0);
    const char *name = command_user_name();
    enum match_result result = match_string(users, str_from(name));
    match_list_close(users);
    if (result == MATCH_ERROR)
        log_fatal("%s: " STR_FMT ": table lookup problem", parameter, STR_ARG(text));
    if (result == MATCH_NO)
        log_fatal("User %s(%ld) is not allowed to %s", name, (long)getuid(), what);
}

/* Seconds that a service may be silent. */
static int patience(void) { return MIN(site_conf.ipc_timeout, SILENCE_MAX); }

/* ---- listing ---- */

static void write_report(struct report *r, size_t enough)
{
    if (r->out.len < enough)
        return;
    if (!fd_write_all(STDOUT_FILENO, buf_str(&r->out)))
        log_fatal("write error: %s", strerror(errno));
    buf_clear(&r->out);
}

static void read_service(struct report *r, int fd)
{
    const struct listing_sink sink = report_sink(r);
    struct listing_parser parser = { LISTING_HEAD, false };
    BUF_AUTO(in, LISTING_ITEM_MAX);
    enum io_result result = IO_OK;

    while (parser.state != LISTING_DONE && parser.state != LISTING_BROKEN && result == IO_OK) {
        result = fd_read(fd, &in, READ_SIZE);
        struct str rest = buf_str(&in);
        listing_parse(&parser, &rest, &sink);
        buf_consume(&in, in.len - rest.len);
        write_report(r, WRITE_AT);
    }
    if (parser.state != LISTING_DONE) {
        write_report(r, 1);
        if (result == IO_TIMEOUT)
            log_fatal("Read from the Postfix showq service: nothing came for %d seconds",
                      patience());
        log_fatal("malformed showq server response");
    }
}

/* While nothing runs, root looks at the files. */
static bool direct_write(void *context)
{
    write_report(context, WRITE_AT);
    return true;
}

static void read_directly(struct postqueue *q, struct report *r)
{
    const struct listing_sink sink = report_sink(r);
    struct queue_layout layout = {
        conf_value(q->conf, STR("hash_queue_names")),
        site_conf.hash_queue_depth,
    };

    listing_read_queues(&layout, &sink, direct_write);
}

static void connect_failed(int error)
{
    if (error != ENOENT && error != ECONNREFUSED)
        log_fatal("Connect to the Postfix showq service: %s", strerror(error));
    if (geteuid() != 0)
        log_fatal("Queue report unavailable - mail system is down (Connect to the Postfix showq "
                  "service: %s)",
                  strerror(error));
    log_warning("Mail system is down -- accessing queue directly (Connect to the Postfix showq "
                "service: %s)",
                strerror(error));
}

static void list_queue(struct postqueue *q)
{
    struct report r;
    BUF_AUTO(path, 0);

    require_right(q, "authorized_mailq_users", "view the mail queue");
    report_init(&r, q->action == ACTION_JSON,
                str_equal_nocase(conf_value(q->conf, STR("enable_long_queue_ids")), STR("yes")));
    buf_join(&path, STR("public/"), conf_value(q->conf, STR("showq_service_name")));
    FD_AUTO(fd, socket_unix_connect(buf_cstr(&path), patience()));
    if (fd >= 0) {
        (void)socket_set_timeout(fd, patience());
        read_service(&r, fd);
    } else {
        connect_failed(errno);
        read_directly(q, &r);
    }
    report_finish(&r);
    write_report(&r, 1);
    report_free(&r);
}

/* ---- flushing ---- */

NORETURN static void mail_system_is_down(void)
{
    log_fatal("Cannot flush mail queue - mail system is down");
}

/* Scan incoming and deferred, whatever the time stamps say, and forget what is known about dead
 * sites. */
static void flush_all(struct postqueue *q)
{
    BUF_AUTO(path, 0);
    struct stat st;

    buf_join(&path, STR("public/"), conf_value(q->conf, STR("queue_service_name")));
    if (queue_trigger(buf_cstr(&path), STR("FADI"), site_conf.trigger_timeout))
        return;
    if (stat(buf_cstr(&path), &st) != 0)
        log_warning("unable to look up %s: %s", buf_cstr(&path), strerror(errno));
    mail_system_is_down();
}

static void flush_socket(struct postqueue *q, struct buf *path)
{
    buf_join(path, STR("public/"), conf_value(q->conf, STR("flush_service_name")));
}

static void flush_message(struct postqueue *q)
{
    struct queue_id id;
    BUF_AUTO(path, 0);

    if (!queue_id_parse(str_from(q->argument), &id))
        log_fatal("Cannot flush queue ID - invalid name: \"%s\"", q->argument);
    flush_socket(q, &path);
    if (flush_client_send_file(buf_cstr(&path), &id, patience()) == FLUSH_FAIL) {
        if (errno)
            log_warning("connect to %s: %s", buf_cstr(&path), strerror(errno));
        mail_system_is_down();
    }
}

static bool is_destination(struct str site)
{
    return hostname_is_valid(site, true) || hostname_literal_address(site).ptr != NULL;
}

NORETURN static void not_configured(const struct postqueue *q)
{
    log_fatal("Flush service is not configured for destination \"%s\"", q->argument);
}

/* Asked here too, so that the answer is the same while the mail system is down. */
static void require_fast_flush(struct postqueue *q, struct str site)
{
    struct match_list *domains =
        match_list_open(conf_value(q->conf, STR("fast_flush_domains")), "fast_flush_domains",
                        match_flags_for("fast_flush_domains"));
    enum match_result result = match_domain(domains, site);

    match_list_close(domains);
    if (result == MATCH_ERROR)
        mail_system_is_down();
    if (result == MATCH_NO)
        not_configured(q);
}

static void flush_site(struct postqueue *q)
{
    struct str site = str_from(q->argument);
    BUF_AUTO(path, 0);

    if (!is_destination(site))
        log_fatal("Cannot flush mail queue - invalid destination: \"%s\"", q->argument);
    require_fast_flush(q, site);
    flush_socket(q, &path);
    switch (flush_client_send_site(buf_cstr(&path), site, patience())) {
    case FLUSH_OK:
        return;
    case FLUSH_UNKNOWN:
        not_configured(q);
    case FLUSH_BAD:
        log_fatal("Invalid request: \"%s\"", q->argument);
    case FLUSH_FAIL:
        if (errno)
            log_warning("connect to %s: %s", buf_cstr(&path), strerror(errno));
        mail_system_is_down();
    }
}

int main(int argc, char **argv)
{
    struct postqueue q = { .action = ACTION_NONE };

    command_begin("postqueue", EX_UNAVAILABLE);
    command_distrust_caller();
    (void)signal(SIGPIPE, SIG_DFL);
    parse_options(&q, argc, argv);
    q.conf = command_conf(q.config_dir);
    require_action(&q);
    command_enter_queue(q.conf);
    if (q.action == ACTION_TEXT || q.action == ACTION_JSON) {
        list_queue(&q);
        return EX_OK;
    }
    require_right(&q, "authorized_flush_users", "flush the mail queue");
    if (q.action == ACTION_FLUSH)
        flush_all(&q);
    else if (q.action == ACTION_FLUSH_ID)
        flush_message(&q);
    else
        flush_site(&q);
    return EX_OK;
}
