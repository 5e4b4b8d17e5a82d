#include "queue/listing.h"

#include "base/log.h"
#include "base/map.h"
#include "base/number.h"
#include "os/fd.h"
#include "queue/bounce_log.h"
#include "queue/file.h"
#include "text/address.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

static const struct queue {
    const char *name;
    bool has_size_record; /* otherwise the file's size is shown */
    bool has_logs;
} queues[] = {
    { QUEUE_MAILDROP, false, false }, { QUEUE_ACTIVE, true, true }, { QUEUE_INCOMING, true, true },
    { QUEUE_DEFERRED, true, true },   { QUEUE_HOLD, true, true },
};

/* The logs that may explain why a recipient is still there. */
static const struct log_kind {
    const char *queue;
    struct str log_class;
    bool
        is_rare; /* nearly no message has one: their names are read first, and what is not there is not tried */
} log_kinds[] = {
    { QUEUE_DEFER, STR("defer"), false },
    { QUEUE_BOUNCE, STR("bounce"), true },
};

/* Memory that is used for one message after the other. */
struct reader {
    const struct queue_layout *layout;
    const struct listing_sink *sink;
    const struct queue *queue;
    struct queue_file file;
    struct queue_id id;
    struct listing_message message;
    struct buf sender, address, original; /* external forms */
    struct buf log_path, log;
    struct map explained;                          /* recipients that a log has named */
    struct map rare;                               /* messages with a log of a rare kind */
    int64_t data_offset, content_size, rcpt_count; /* of the size record; 0: unknown */
    int64_t rcpts_seen;
    bool announced; /* the sink knows the message */
};

static struct str external(struct buf *into, struct str internal)
{
    buf_clear(into);
    address_quote(internal, into);
    return buf_str(into);
}

/* ---- logs ---- */

static void list_explained(struct reader *r, struct str text, const struct log_kind *kind)
{
    struct bounce_append entry;

    while (bounce_log_take(&text, &entry)) {
        struct listing_recipient shown = { .original = entry.orig_rcpt,
                                           .address = entry.recipient,
                                           .log_class = kind->log_class,
                                           .reason = entry.reason };
        if (map_set(&r->explained, entry.recipient, r) == NULL)
            r->sink->recipient(r->sink->context, &shown);
    }
}

static bool read_whole(const char *path, struct buf *into)
{
    FD_AUTO(fd, open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC));

    return fd >= 0 && fd_read_all(fd, into);
}

static void note_rare_logs(struct reader *r, const char *queue)
{
    struct queue_scan *scan = queue_scan_open(queue);
    struct queue_id id;

    while (queue_scan_next(scan, &id))
        (void)map_set(&r->rare, queue_id_str(&id), r);
    queue_scan_close(scan);
}

static void read_log(struct reader *r, const struct log_kind *kind)
{
    if (kind->is_rare && !map_has(&r->rare, queue_id_str(&r->id)))
        return;
    queue_path(r->layout, kind->queue, &r->id, &r->log_path);
    buf_clear(&r->log);
    if (read_whole(buf_cstr(&r->log_path), &r->log))
        list_explained(r, buf_str(&r->log), kind);
    else if (errno != ENOENT)
        log_warning("read %s: %s", buf_cstr(&r->log_path), strerror(errno));
}

/* ---- queue files ---- */

static void take_size(struct reader *r, struct str payload)
{
    struct record_size size;

    if (!r->queue->has_size_record || !record_size_parse(payload, &size))
        return;
    if (size.content_size > 0)
        r->message.size = size.content_size;
    r->data_offset = size.data_offset;
    r->content_size = size.content_size;
    r->rcpt_count = size.rcpt_count;
}

static void take_time(struct reader *r, struct str payload)
{
    int64_t seconds;

    if (number_parse(str_cut(&payload, ' '), &seconds))
        r->message.time = seconds;
}

static void take_sender(struct reader *r, struct str payload)
{
    if (r->announced)
        return;
    r->message.sender = payload.len ? external(&r->sender, payload) : STR("MAILER-DAEMON");
    r->announced = true;
    r->sink->message(r->sink->context, &r->message);
    if (!r->queue->has_logs)
        return;
    for (size_t i = 0; i < ARRAY_LEN(log_kinds); i++)
        read_log(r, &log_kinds[i]);
}

static void take_recipient(struct reader *r, struct str payload)
{
    struct listing_recipient shown = { .address = external(&r->address, payload) };

    if (!str_equal(buf_str(&r->original), shown.address))
        shown.original = buf_str(&r->original);
    if (!map_has(&r->explained, shown.address))
        r->sink->recipient(r->sink->context, &shown);
}

/* An original recipient belongs to the next recipient, whether that is done or not. */
static void take_any_recipient(struct reader *r, const struct record *rec)
{
    r->rcpts_seen++;
    if (rec->type == REC_RCPT && r->announced)
        take_recipient(r, rec->payload);
    buf_clear(&r->original);
}

/* False at the end of what matters: all recipients were seen, or the file ends. */
static bool take_record(struct reader *r, const struct record *rec)
{
    switch (rec->type) {
    case REC_SIZE:
        take_size(r, rec->payload);
        return true;
    case REC_TIME:
        take_time(r, rec->payload);
        return true;
    case REC_SENDER:
        take_sender(r, rec->payload);
        return true;
    case REC_ORCPT:
        (void)external(&r->original, rec->payload);
        return true;
    case REC_RCPT:
    case REC_DONE:
    case REC_CANCELED:
        take_any_recipient(r, rec);
        return true;
    case REC_END:
        return false;
    default:
        return true;
    }
}

/* Skip the content: by the size record, or line by line.  False when nothing behind it matters. */
static bool skip_content(struct reader *r)
{
    struct record rec;

    if (r->rcpt_count > 0 && r->rcpts_seen >= r->rcpt_count)
        return false;
    if (r->data_offset > 0 && r->content_size > 0)
        queue_file_seek(&r->file, r->data_offset + r->content_size);
    while (queue_file_read(&r->file, &rec) == QUEUE_READ_RECORD)
        if (rec.type == REC_EXTRACTED)
            return true;
    return false;
}

static void read_records(struct reader *r)
{
    struct record rec;

    while (queue_file_read(&r->file, &rec) == QUEUE_READ_RECORD) {
        bool more = rec.type == REC_MESSAGE ? skip_content(r) : take_record(r, &rec);
        if (!more)
            return;
    }
}

static void begin_message(struct reader *r, const struct stat *st)
{
    r->message = (struct listing_message){ .queue = str_from(r->queue->name),
                                           .id = queue_id_str(&r->id),
                                           .time = st->st_mtime,
                                           .size = st->st_size,
                                           .forced_expire = st->st_mode & QUEUE_MODE_FORCE_EXPIRE };
    r->data_offset = r->content_size = r->rcpt_count = r->rcpts_seen = 0;
    r->announced = false;
    buf_clear(&r->original);
    if (r->explained.count) {
        map_free(&r->explained, NULL);
        r->explained = MAP_INIT;
    }
}

static bool is_complete(const struct stat *st)
{
    return S_ISREG(st->st_mode) && st->st_mode & S_IXUSR;
}

/* Group x means "expire" in the queues of the queue manager; a maildrop file may have any. */
static void read_message(struct reader *r, const char *path)
{
    struct stat st;
    int fd = open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);

    if (fd < 0) {
        if (errno != ENOENT) /* delivered meanwhile */
            log_warning("open %s: %s", path, strerror(errno));
        return;
    }
    if (fstat(fd, &st) != 0 || !is_complete(&st)) {
        close(fd);
        return;
    }
    begin_message(r, &st);
    queue_file_init_known(&r->file, fd, &st);
    read_records(r);
    queue_file_close(&r->file);
    if (r->announced)
        r->sink->message_end(r->sink->context);
}

static void reader_free(struct reader *r)
{
    buf_free(&r->sender);
    buf_free(&r->address);
    buf_free(&r->original);
    buf_free(&r->log_path);
    buf_free(&r->log);
    map_free(&r->explained, NULL);
    map_free(&r->rare, NULL);
}

/* False when nobody wants more. */
static bool read_queue(struct reader *r, const struct queue *queue, bool (*wanted)(void *context))
{
    struct queue_scan *scan = queue_scan_open(queue->name);
    bool going = true;

    r->queue = queue;
    while (going && queue_scan_next(scan, &r->id)) {
        read_message(r, queue_scan_path(scan));
        going = wanted == NULL || wanted(r->sink->context);
    }
    queue_scan_close(scan);
    return going;
}

void listing_read_queues(const struct queue_layout *layout, const struct listing_sink *sink,
                         bool (*wanted)(void *context))
{
    struct reader r = { .layout = layout,
                        .sink = sink,
                        .explained = MAP_INIT,
                        .rare = MAP_INIT,
                        .log = BUF_INIT(BOUNCE_LOG_MAX) };

    for (size_t i = 0; i < ARRAY_LEN(log_kinds); i++)
        if (log_kinds[i].is_rare)
            note_rare_logs(&r, log_kinds[i].queue);
    for (size_t i = 0; i < ARRAY_LEN(queues); i++)
        if (!read_queue(&r, &queues[i], wanted))
            break;
    reader_free(&r);
}

void listing_read_directory(const char *path, const struct listing_sink *sink)
{
    const struct queue queue = { .name = path, .has_size_record = true };
    struct reader r = { .sink = sink, .explained = MAP_INIT, .rare = MAP_INIT };

    (void)read_queue(&r, &queue, NULL);
    reader_free(&r);
}
