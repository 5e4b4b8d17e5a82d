/* pickup - take messages from the maildrop queue and hand them to cleanup(8).
 *
 * Runs as:   mail_owner, inside the queue directory when master.cf says chroot
 * Trusts:    main.cf
 * Distrusts: every file in maildrop: any local user can put one there through postdrop(1) */
#include "base/log.h"
#include "client/cleanup.h"
#include "os/clock.h"
#include "pickup/maildrop_copy.h"
#include "queue/dir.h"
#include "queue/file.h"
#include "queue/requeue.h"
#include "service/service.h"
#include "text/address.h"
#include "text/date.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#define FUTURE_WARN_S (2L * 3600)
#define OLD_WARN_S    (24L * 3600)

/* What becomes of the maildrop file. */
enum fate {
    FATE_REMOVE,  /* it is queued, or somebody was told */
    FATE_KEEP,    /* try again at the next scan */
    FATE_CORRUPT, /* set aside */
    FATE_STOP,    /* as KEEP, and the others have no better chance now */
};

/* One message under way. */
struct drop {
    const char *path;
    const struct queue_id *name; /* in maildrop */
    struct stat st;
    struct queue_file file;
    struct maildrop_copy copy;
    struct requeue_log failed;
    struct buf envelope; /* records to send, up to M */
    struct buf sender;   /* internal form */
};

static struct cleanup_client cleanup = CLEANUP_CLIENT_INIT;

/* postsuper -r puts files there that belong to us and that nobody else may read. */
static bool is_requeued(const struct drop *d)
{
    return d->st.st_uid == geteuid() && !(d->st.st_mode & S_IROTH);
}

/* ---- reading ---- */

static enum fate read_failed(const struct drop *d, enum queue_read result)
{
    if (result == QUEUE_READ_ERROR) {
        log_warning("%s: read error: %s", d->path, strerror(errno));
        return FATE_KEEP;
    }
    log_warning("%s: uid=%ld: %s", d->name->text, (long)d->st.st_uid,
                result == QUEUE_READ_END ? "unexpected end of file" : "damaged record");
    return FATE_CORRUPT;
}

static enum fate record_refused(const struct drop *d, const struct record *rec)
{
    log_warning("%s: uid=%ld: %s", d->name->text, (long)d->st.st_uid, d->copy.why);
    log_debug("%s: record type %d", d->name->text, rec->type);
    return FATE_CORRUPT;
}

/* The next record of the file; a recipient who is done because he failed is one to be tried again. */
static enum queue_read next_record(struct drop *d, struct record *rec)
{
    enum queue_read result = queue_file_read(&d->file, rec);

    if (result == QUEUE_READ_RECORD && rec->type == REC_DONE && d->copy.requeued &&
        requeue_log_has(&d->failed, d->file.record_at))
        rec->type = REC_RCPT;
    return result;
}

/* All of the envelope is read before cleanup is asked: it wants to know the options first. */
static bool read_envelope(struct drop *d, enum fate *fate)
{
    struct record rec;

    for (;;) {
        enum queue_read result = next_record(d, &rec);
        if (result != QUEUE_READ_RECORD) {
            *fate = read_failed(d, result);
            return false;
        }
        switch (maildrop_copy_record(&d->copy, &rec)) {
        case MAILDROP_COPY:
            record_put(&d->envelope, rec.type, rec.payload);
            if (rec.type == REC_SENDER) {
                buf_clear(&d->sender);
                buf_add(&d->sender, rec.payload);
            }
            break;
        case MAILDROP_DROP:
            break;
        case MAILDROP_MESSAGE:
            return true;
        default:
            *fate = record_refused(d, &rec);
            return false;
        }
    }
}

/* ---- writing ---- */

static void put_received(const struct drop *d, struct buf *out)
{
    BUF_AUTO(line, 0);
    struct tm tm;
    time_t now = time(NULL), when = d->st.st_mtime;

    buf_join(&line, STR("Received: by "), site_conf.myhostname, STR(" ("), site_conf.mail_name,
             STR(", from userid "));
    buf_add_int(&line, (int64_t)d->st.st_uid);
    buf_addc(&line, ')');
    record_put(out, REC_TEXT, buf_str(&line));
    buf_clear(&line);
    buf_join(&line, STR("\tid "), queue_id_str(&cleanup.id), STR("; "));
    if (when > now + FUTURE_WARN_S)
        when = now;
    (void)localtime_r(&when, &tm);
    date_format(&tm, tm.tm_gmtoff, str_from_null(tm.tm_zone), &line);
    record_put(out, REC_TEXT, buf_str(&line));
}

/* Any number of recipients: more than one frame holds. */
static void put_kept(struct str records)
{
    struct record rec;

    while (record_take(&records, &rec) == RECORD_OK) {
        record_put(cleanup_client_records(&cleanup), rec.type, rec.payload);
        cleanup_client_pump(&cleanup);
    }
}

static void put_envelope(const struct drop *d)
{
    struct buf *out = cleanup_client_records(&cleanup);

    if (site_conf.content_filter.len)
        record_put(out, REC_FILTER, site_conf.content_filter);
    if (!d->copy.has_time)
        record_put_time(out, (struct timeval){ .tv_sec = d->st.st_mtime });
    put_kept(buf_str(&d->envelope));
    out = cleanup_client_records(&cleanup);
    record_put(out, REC_MESSAGE, STR_NONE);
    put_received(d, out);
}

/* Content that begins with white space would continue our header. */
static void put_record(const struct record *rec, bool *first_line)
{
    struct buf *out = cleanup_client_records(&cleanup);

    if (*first_line && rec->payload.len && char_is_space(rec->payload.ptr[0]))
        record_put(out, REC_TEXT, STR_NONE);
    *first_line = false;
    record_put(out, rec->type, rec->payload);
    cleanup_client_pump(&cleanup);
}

/* Everything behind M.  True when all of it was there. */
static bool copy_content(struct drop *d, enum fate *fate)
{
    struct record rec;
    bool first_line = true;

    for (;;) {
        enum queue_read result = next_record(d, &rec);
        if (result != QUEUE_READ_RECORD) {
            *fate = read_failed(d, result);
            return false;
        }
        switch (maildrop_copy_record(&d->copy, &rec)) {
        case MAILDROP_COPY:
        case MAILDROP_EXTRACTED:
            put_record(&rec, &first_line);
            break;
        case MAILDROP_END:
            put_record(&rec, &first_line);
            return true;
        case MAILDROP_DROP:
            break;
        default:
            *fate = record_refused(d, &rec);
            return false;
        }
    }
}

/* ---- one message ---- */

static void log_message(const struct drop *d)
{
    BUF_AUTO(sender, 0);

    if (str_equal_nocase(qmgr_conf.info_log_address_format, STR("internal")))
        buf_add(&sender, buf_str(&d->sender));
    else
        address_quote(buf_str(&d->sender), &sender);
    if (is_requeued(d))
        log_info("%s: uid=%ld from=<" STR_FMT "> orig_id=%s", cleanup.id.text, (long)d->st.st_uid,
                 STR_ARG(buf_str(&sender)), d->name->text);
    else
        log_info("%s: uid=%ld from=<" STR_FMT ">", cleanup.id.text, (long)d->st.st_uid,
                 STR_ARG(buf_str(&sender)));
}

static void warn_of_odd_age(const struct drop *d)
{
    long age = (long)(time(NULL) - d->st.st_mtime);

    if (age < -FUTURE_WARN_S)
        log_warning("%s: message %s dated %ld seconds into the future", cleanup.id.text, d->path,
                    -age);
    else if (age > OLD_WARN_S)
        log_warning("%s: message %s has been queued for %ld days", cleanup.id.text, d->path,
                    age / OLD_WARN_S);
}

/* A permanent refusal was answered by a bounce: cleanup(8) does that for us. */
static enum fate fate_after(const struct drop *d, const struct cleanup_verdict *verdict)
{
    switch ((enum cleanup_status)verdict->status) {
    case CLEANUP_OK:
        return FATE_REMOVE;
    case CLEANUP_SIZE:
    case CLEANUP_CONTENT:
    case CLEANUP_HOPS:
    case CLEANUP_NO_RCPT:
        log_warning("%s: message rejected: " STR_FMT, cleanup.id.text, STR_ARG(verdict->reason));
        return FATE_REMOVE;
    case CLEANUP_BAD:
        log_warning("%s: %s: cleanup service does not understand the message", cleanup.id.text,
                    d->path);
        return FATE_CORRUPT;
    default:
        log_warning("%s: error writing %s: queue file write error", d->path, cleanup.id.text);
        return FATE_KEEP; /* its addresses may be the reason: others get their turn */
    }
}

static enum fate forward(struct drop *d)
{
    const struct maildrop_flags flags = {
        .overrides = site_conf.receive_override_options,
        .utf8_classes = site_conf.smtputf8_autodetect_classes,
        .smtputf8 = site_conf.smtputf8_enable,
        .requeued = is_requeued(d),
    };
    enum fate fate;

    d->copy.requeued = flags.requeued;
    if (!read_envelope(d, &fate))
        return fate;
    if (!cleanup_client_open(&cleanup, site_conf.cleanup_service_name,
                             maildrop_cleanup_flags(&flags), d->copy.sendopts,
                             site_conf.ipc_timeout))
        return FATE_STOP;
    log_message(d);
    warn_of_odd_age(d);
    put_envelope(d);
    if (!copy_content(d, &fate)) {
        cleanup_client_abort(&cleanup);
        return fate;
    }
    struct cleanup_verdict verdict = cleanup_client_end(&cleanup);
    return fate_after(d, &verdict);
}

/* ---- the queue ---- */

/* Complete, and nothing but a plain file: a name in this directory can be anybody's work. */
static bool is_ready(const struct drop *d)
{
    if (!S_ISREG(d->st.st_mode)) {
        log_warning("%s: uid %ld: not a regular file", d->path, (long)d->st.st_uid);
        return false;
    }
    if (d->st.st_nlink != 1) {
        log_warning("%s: uid %ld: file has %ld links", d->path, (long)d->st.st_uid,
                    (long)d->st.st_nlink);
        return false;
    }
    return d->st.st_mode & S_IXUSR;
}

static void dispose(const struct drop *d, enum fate fate)
{
    BUF_AUTO(aside, 0);

    if (fate == FATE_REMOVE && unlink(d->path) != 0)
        log_warning("remove %s: %s", d->path, strerror(errno));
    if (fate != FATE_CORRUPT)
        return;
    buf_join(&aside, STR(QUEUE_CORRUPT "/"), queue_id_str(d->name));
    if (rename(d->path, buf_cstr(&aside)) != 0)
        log_warning("rename %s to %s: %s", d->path, buf_cstr(&aside), strerror(errno));
    else
        log_warning("saving damaged file \"%s\" from queue \"maildrop\" to queue \"corrupt\"",
                    d->name->text);
}

static enum fate take_file(const struct queue_id *name, const char *path)
{
    const struct queue_layout layout = { site_conf.hash_queue_names, site_conf.hash_queue_depth };
    struct drop d = { .path = path, .name = name };
    int fd = open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);

    if (fd < 0) {
        if (errno != ENOENT && errno != EACCES)
            log_warning("open %s: %s", path, strerror(errno));
        return FATE_KEEP;
    }
    if (fstat(fd, &d.st) != 0 || !is_ready(&d)) {
        close(fd);
        return FATE_KEEP;
    }
    queue_file_init(&d.file, fd);
    d.failed = (struct requeue_log){ .layout = &layout, .id = name };
    enum fate fate = forward(&d);
    queue_file_close(&d.file);
    if (fate == FATE_REMOVE)
        requeue_log_remove(&d.failed);
    requeue_log_free(&d.failed);
    buf_free(&d.envelope);
    buf_free(&d.sender);
    dispose(&d, fate);
    return fate;
}

/* One pass.  True when something was taken, so that another pass may find what came meanwhile. */
static bool scan(void)
{
    struct queue_scan *s = queue_scan_open(QUEUE_MAILDROP);
    struct queue_id name;
    bool taken = false;
    enum fate fate = FATE_KEEP;

    while (fate != FATE_STOP && queue_scan_next(s, &name)) {
        fate = take_file(&name, queue_scan_path(s));
        taken |= fate == FATE_REMOVE || fate == FATE_CORRUPT;
    }
    queue_scan_close(s);
    return taken && fate != FATE_STOP;
}

/* Whatever the request says, it means: look. */
static void look(struct service *svc, struct str request)
{
    (void)svc;
    (void)request;
    while (scan())
        continue;
    cleanup_client_close(&cleanup);
}

static const struct service_spec pickup = {
    .name = "pickup",
    .kind = SERVICE_TRIGGER,
    .params = (const struct param_set *const[]){ &qmgr_param_set, NULL },
    .sandbox = SANDBOX_QUEUE,
    .paths = (const struct sandbox_path[]){ { QUEUE_MAILDROP, SANDBOX_CHANGE },
                                            { QUEUE_CORRUPT, SANDBOX_CHANGE },
                                            { QUEUE_BOUNCE, SANDBOX_CHANGE },
                                            { "public", SANDBOX_WRITE },
                                            { NULL, SANDBOX_READ } },
    .process_limit = 1,
    .trigger = look,
};

int main(int argc, char **argv) { service_main(&pickup, argc, argv); }
