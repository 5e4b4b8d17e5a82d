#include "pickup/forward.h"

#include "base/log.h"
#include "client/cleanup.h"
#include "conf/params.h"
#include "text/address.h"
#include "text/date.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define FUTURE_WARN_S (2L * 3600)
#define OLD_WARN_S    (24L * 3600)

static struct cleanup_client cleanup = CLEANUP_CLIENT_INIT;

/* ---- reading ---- */

static enum fate read_failed(const struct drop *d, enum queue_read result)
{
    if (result == QUEUE_READ_ERROR) {
        log_warning("%s: read error: %s", d->path, strerror(errno));
        return FATE_KEEP;
    }
    log_warning("%s: uid=%ld: %s", d->name, (long)d->uid,
                result == QUEUE_READ_END ? "unexpected end of file" : "damaged record");
    return FATE_CORRUPT;
}

static enum fate record_refused(const struct drop *d, const struct record *rec)
{
    log_warning("%s: uid=%ld: %s", d->name, (long)d->uid, d->copy.why);
    log_debug("%s: record type %d", d->name, rec->type);
    return FATE_CORRUPT;
}

/* All of the envelope is read before cleanup is asked: it wants to know the options first. */
static bool read_envelope(struct drop *d, enum fate *fate)
{
    struct record rec;

    for (;;) {
        enum queue_read result = d->next(d, &rec);
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
    time_t now = time(NULL), when = d->when.tv_sec;

    buf_join(&line, STR("Received: by "), site_conf.myhostname, STR(" ("), site_conf.mail_name,
             STR(", from userid "));
    buf_add_int(&line, (int64_t)d->uid);
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
        record_put_time(out, d->when);
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
        enum queue_read result = d->next(d, &rec);
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
    if (d->copy.requeued)
        log_info("%s: uid=%ld from=<" STR_FMT "> orig_id=%s", cleanup.id.text, (long)d->uid,
                 STR_ARG(buf_str(&sender)), d->name);
    else
        log_info("%s: uid=%ld from=<" STR_FMT ">", cleanup.id.text, (long)d->uid,
                 STR_ARG(buf_str(&sender)));
}

static void warn_of_odd_age(const struct drop *d)
{
    long age = (long)(time(NULL) - d->when.tv_sec);

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
    case CLEANUP_DEFER:
        return FATE_KEEP; /* who put it off has said so */
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
        .requeued = d->copy.requeued,
    };
    enum fate fate;

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

enum fate drop_forward(struct drop *d)
{
    enum fate fate = forward(d);

    buf_free(&d->envelope);
    buf_free(&d->sender);
    return fate;
}

void drop_forward_rest(void) { cleanup_client_close(&cleanup); }
