#include "smtp-client/content.h"

#include "base/log.h"
#include "smtp-client/filter.h"

#include <errno.h>

static bool send_piece(struct client_session *s, struct filter *filter, const struct record *rec)
{
    bool ends_line = rec->type == REC_TEXT;

    if (filter)
        return filter_piece(filter, rec->payload, ends_line);
    return !smtp_client_write(&s->dialogue, rec->payload, ends_line) || session_flush(s);
}

static bool send_records(struct delivery *d, struct client_session *s, struct filter *filter, struct queue_file *f)
{
    struct record rec;

    for (;;) {
        enum queue_read got = queue_file_read(f, &rec);
        if (got != QUEUE_READ_RECORD) {
            log_warning(STR_FMT ": message content ends without its end record", STR_ARG(d->request.queue_id));
            errno = EIO;
            return false;
        }
        if (rec.type != REC_TEXT && rec.type != REC_TEXT_PART)
            return rec.type == REC_EXTRACTED && (filter == NULL || filter_finish(filter));
        if (!send_piece(s, filter, &rec))
            return false;
    }
}

bool content_send(struct delivery *d, struct client_session *s)
{
    struct filter *filter = filter_applies(d, s) ? filter_new(d, s) : NULL;
    struct queue_file f;

    queue_file_init(&f, d->file_fd);
    queue_file_seek(&f, d->request.data_offset);
    bool ok = send_records(d, s, filter, &f);
    f.fd = -1; /* the request keeps the descriptor */
    queue_file_close(&f);
    filter_free(filter);
    if (ok)
        smtp_client_end(&s->dialogue);
    return ok;
}
