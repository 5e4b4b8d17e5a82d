/* flush - remembers which deferred messages wait for which destination, and has them tried at once
 * (ETRN, postqueue -s, postqueue -i).
 *
 * Runs as:   mail_owner, inside the queue directory when master.cf says chroot
 * Trusts:    main.cf and its tables
 * Distrusts: destinations and queue ids in requests, which any local user can make */
#include "client/flush.h"

#include "base/log.h"
#include "ipc/attr.h"
#include "os/link.h"
#include "queue/dir.h"
#include "queue/notify.h"
#include "service/service.h"
#include "services/flush/site_log.h"
#include "table/match.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#define REQUEST_MAX       4096
#define REQUEST_TIMEOUT_S 100

struct flush_request {
    struct str request, site, queue_id;
};

static struct match_list *domains;

static void open_tables(struct service *svc)
{
    (void)svc;
    domains = match_list_open(flush_conf.fast_flush_domains, "fast_flush_domains",
                              match_flags_for("fast_flush_domains"));
}

static struct queue_layout layout(void)
{
    return (struct queue_layout){ site_conf.hash_queue_names, site_conf.hash_queue_depth };
}

/* ---- one message ---- */

/* Its time has come, and what is known about its destination does not count. */
static bool make_ready(const char *queue, const struct queue_id *id)
{
    const struct queue_layout l = layout();
    FD_AUTO(fd, queue_open(&l, queue, id, O_RDONLY | O_NONBLOCK));
    struct stat st;

    if (fd < 0 || fstat(fd, &st) != 0 || !S_ISREG(st.st_mode) || !(st.st_mode & S_IXUSR))
        return false;
    if (fchmod(fd, (st.st_mode & 07777) | QUEUE_MODE_UNTHROTTLE) != 0 || futimens(fd, NULL) != 0)
        log_warning("%s: update of queue file: %s", id->text, strerror(errno));
    return true;
}

static bool send_message(const struct queue_id *id)
{
    const struct queue_layout l = layout();

    if (make_ready(QUEUE_INCOMING, id))
        return true;
    if (!make_ready(QUEUE_DEFERRED, id))
        return false;
    if (!queue_rename(&l, QUEUE_DEFERRED, QUEUE_INCOMING, id) && errno != ENOENT)
        log_warning("%s: rename from deferred to incoming: %s", id->text, strerror(errno));
    return true;
}

/* Forget about dead destinations, look into incoming. */
static void wake_queue_manager(void)
{
    BUF_AUTO(path, 0);

    buf_join(&path, STR("public/"), site_conf.queue_service_name);
    if (!queue_trigger(buf_cstr(&path), STR("FI"), site_conf.trigger_timeout))
        log_warning("unable to wake up %s: %s", buf_cstr(&path), strerror(errno));
}

/* ---- destinations ---- */

static enum flush_status check_site(struct str site, struct site_log *log)
{
    enum match_result result = match_domain(domains, site);

    if (result == MATCH_ERROR)
        return FLUSH_FAIL;
    if (result == MATCH_NO)
        return FLUSH_UNKNOWN;
    return site_log_for(site, log) ? FLUSH_OK : FLUSH_BAD;
}

static enum flush_status send_log(const struct site_log *log)
{
    struct queue_id *ids;
    size_t count, sent = 0;

    if (!site_log_take(log, &ids, &count)) {
        log_warning("%s: %s", log->path, strerror(errno));
        return FLUSH_FAIL;
    }
    for (size_t i = 0; i < count; i++)
        sent += send_message(&ids[i]);
    free(ids);
    if (sent)
        wake_queue_manager();
    return FLUSH_OK;
}

static enum flush_status add(const struct flush_request *r)
{
    struct site_log log;
    struct queue_id id;

    if (!queue_id_parse(r->queue_id, &id))
        return FLUSH_BAD;
    enum flush_status status = check_site(r->site, &log);
    if (status != FLUSH_OK)
        return status;
    if (site_log_append(&log, &id))
        return FLUSH_OK;
    log_warning("%s: %s", log.path, strerror(errno));
    return FLUSH_FAIL;
}

static enum flush_status send_site(const struct flush_request *r)
{
    struct site_log log;
    enum flush_status status = check_site(r->site, &log);

    return status == FLUSH_OK ? send_log(&log) : status;
}

static enum flush_status send_file(const struct flush_request *r)
{
    struct queue_id id;

    if (!queue_id_parse(r->queue_id, &id))
        return FLUSH_BAD;
    if (!send_message(&id))
        return FLUSH_UNKNOWN;
    wake_queue_manager();
    return FLUSH_OK;
}

/* ---- all destinations ---- */

static void look_after(const struct site_log *log, bool at_once)
{
    enum site_log_age age = site_log_age(log, time(NULL), flush_conf.fast_flush_refresh_time,
                                         flush_conf.fast_flush_purge_time);

    if (age == SITE_LOG_IDLE) {
        if (unlink(log->path) != 0)
            log_warning("remove %s: %s", log->path, strerror(errno));
    } else if (at_once || age == SITE_LOG_DUE) {
        (void)send_log(log);
    }
}

static enum flush_status look_after_all(bool at_once)
{
    struct queue_scan *s = queue_scan_open(QUEUE_FLUSH);
    struct queue_id name;
    struct site_log log;

    while (queue_scan_next(s, &name)) {
        site_log_named(&name, &log);
        look_after(&log, at_once);
    }
    queue_scan_close(s);
    return FLUSH_OK;
}

static enum flush_status refresh(const struct flush_request *r)
{
    (void)r;
    return look_after_all(false);
}

static enum flush_status purge(const struct flush_request *r)
{
    (void)r;
    return look_after_all(true);
}

/* ---- requests ---- */

static const struct {
    const char *name;
    enum flush_status (*act)(const struct flush_request *r);
} requests[] = {
    { FLUSH_REQUEST_ADD, add },
    { FLUSH_REQUEST_SEND_SITE, send_site },
    { FLUSH_REQUEST_SEND_FILE, send_file },
    { FLUSH_REQUEST_REFRESH, refresh },
    { FLUSH_REQUEST_PURGE, purge },
};

static enum flush_status act(struct str list)
{
    struct flush_request r = { .request = STR_NONE };
    struct str name, value;
    bool incomplete;

    while (attr_take(&list, &name, &value, &incomplete)) {
        if (str_equal(name, STR("request")))
            r.request = value;
        else if (str_equal(name, STR("site")))
            r.site = value;
        else if (str_equal(name, STR("queue_id")))
            r.queue_id = value;
    }
    for (size_t i = 0; i < ARRAY_LEN(requests); i++)
        if (str_equal(r.request, str_from(requests[i].name)))
            return requests[i].act(&r);
    return FLUSH_BAD;
}

/* master's wake-up is the single byte "W"; every attribute list begins with a name. */
static bool is_wakeup(struct str in) { return in.len > 0 && in.ptr[0] == 'W'; }

static void serve_client(struct service *svc, int fd)
{
    struct link link;

    (void)svc;
    link_init(&link, fd, REQUEST_TIMEOUT_S, REQUEST_MAX, 0);
    while (link_fill(&link) == IO_OK) {
        size_t length = attr_list_length(buf_str(&link.in));
        if (is_wakeup(buf_str(&link.in))) {
            (void)look_after_all(false);
            break;
        }
        if (length == 0)
            continue;
        attr_put_int(&link.out, "status", act(str_sub(buf_str(&link.in), 0, length)));
        attr_put_end(&link.out);
        if (link_flush(&link) != IO_OK)
            log_debug("client is gone");
        break;
    }
    link_release(&link); /* the skeleton closes it */
}

static const struct service_spec flush = {
    .name = "flush",
    .kind = SERVICE_SINGLE,
    .params = (const struct param_set *const[]){ &flush_param_set, NULL },
    .sandbox = SANDBOX_QUEUE,
    .paths = (const struct sandbox_path[]){ { QUEUE_FLUSH, SANDBOX_CHANGE },
                                            { QUEUE_DEFERRED, SANDBOX_CHANGE },
                                            { QUEUE_INCOMING, SANDBOX_CHANGE },
                                            { "public", SANDBOX_WRITE },
                                            { NULL, SANDBOX_READ } },
    .process_limit = 0,
    .before_jail = open_tables,
    .serve = serve_client,
};

int main(int argc, char **argv) { service_main(&flush, argc, argv); }
