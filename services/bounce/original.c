/* The returned message, read from its queue file. */
#include "base/log.h"
#include "base/mem.h"
#include "queue/file.h"
#include "services/bounce/bounce.h"
#include "text/header.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>

#define HEADER_MAX  8192           /* of Message-Id and References */
#define HEADERS_MAX (1024L * 1024) /* that go back: each recipient may get a report of its own */

static const char *const queues[] = { QUEUE_ACTIVE, QUEUE_INCOMING, QUEUE_DEFERRED, QUEUE_HOLD };

static int open_file(const struct bounce_service *b, const struct bounce_report *about)
{
    struct queue_id id;

    if (!queue_id_parse(about->queue_id, &id))
        return -1;
    for (size_t i = 0; i < ARRAY_LEN(queues); i++)
        if (str_equal(about->queue_name, str_from(queues[i])))
            return queue_open(&b->layout, queues[i], &id, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    return -1;
}

static bool read_size(struct original *o)
{
    struct record_size size;
    struct record rec;

    if (queue_file_read(o->file, &rec) != QUEUE_READ_RECORD || rec.type != REC_SIZE ||
        !record_size_parse(rec.payload, &size) || size.data_offset <= 0)
        return false;
    o->data_offset = size.data_offset;
    o->text_size = size.text_size ? size.text_size : size.content_size;
    return true;
}

static void keep_header(struct original *o, struct str header, struct arena *a)
{
    struct str name, value;
    BUF_AUTO(flat, HEADER_MAX);

    if (!header_split(header, &name, &value))
        return;
    header_unfold(value, &flat);
    struct str *to = str_equal_nocase(name, STR("Message-Id"))   ? &o->message_id
                     : str_equal_nocase(name, STR("References")) ? &o->references
                                                                 : NULL;
    if (to)
        *to = str_trim(arena_str(a, buf_str(&flat)));
}

/* One line of the message; false at its end. */
static bool next_line(struct original *o, struct record *rec)
{
    return queue_file_read(o->file, rec) == QUEUE_READ_RECORD &&
           (rec->type == REC_TEXT || rec->type == REC_TEXT_PART);
}

static void read_headers(struct original *o, struct arena *a)
{
    BUF_AUTO(header, HEADER_MAX);
    struct record rec;

    queue_file_seek(o->file, o->data_offset);
    while (next_line(o, &rec) && rec.payload.len) {
        if (header_is_continuation(rec.payload)) {
            buf_addc(&header, '\n');
        } else {
            keep_header(o, buf_str(&header), a);
            buf_clear(&header);
            if (!header_is_line(rec.payload))
                return;
        }
        buf_add(&header, rec.payload);
    }
    keep_header(o, buf_str(&header), a);
}

void original_open(const struct bounce_service *b, const struct bounce_report *about,
                   struct arena *a, struct original *o)
{
    int fd = open_file(b, about);

    *o = (struct original){ 0 };
    if (fd < 0) {
        log_warning(STR_FMT ": open message to report about: %s", STR_ARG(about->queue_id),
                    strerror(errno));
        return;
    }
    o->file = mem_alloc(sizeof *o->file);
    queue_file_init(o->file, fd);
    if (!read_size(o)) {
        log_warning(STR_FMT ": message to report about has no size record",
                    STR_ARG(about->queue_id));
        original_close(o);
        return;
    }
    if (bounce_conf.enable_threaded_bounces)
        read_headers(o, a);
}

void original_close(struct original *o)
{
    if (o->file)
        queue_file_close(o->file);
    free(o->file);
    o->file = NULL;
}

void original_copy(struct original *o, bool headers_only, struct buf *(*room)(void *),
                   void (*pump)(void *), void *context)
{
    bool line_start = true;
    int64_t room_left = headers_only ? HEADERS_MAX : INT64_MAX;
    struct record rec;

    if (o->file == NULL)
        return;
    queue_file_seek(o->file, o->data_offset);
    while (next_line(o, &rec) && room_left > 0) {
        if (headers_only && line_start && !header_is_line(rec.payload) &&
            !header_is_continuation(rec.payload))
            break;
        room_left -= (int64_t)rec.payload.len + 1;
        line_start = rec.type == REC_TEXT;
        record_put(room(context), rec.type, rec.payload);
        pump(context);
    }
    if (!line_start) /* damaged: the last line has no end */
        record_put(room(context), REC_TEXT, STR_NONE);
}
