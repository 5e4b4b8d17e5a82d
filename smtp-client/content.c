#include "smtp-client/content.h"

#include "base/log.h"

#include <errno.h>

static bool send_records(struct delivery *d, struct client_session *s, struct queue_file *f)
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
            return rec.type == REC_EXTRACTED;
        if (smtp_client_write(&s->dialogue, rec.payload, rec.type == REC_TEXT) && !session_flush(s))
            return false;
        /* A server that speaks now will not take the message; its answer is read in the usual place. */
    }
}

bool content_send(struct delivery *d, struct client_session *s)
{
    struct queue_file f;

    queue_file_init(&f, d->file_fd);
    queue_file_seek(&f, d->request.data_offset);
    bool ok = send_records(d, s, &f);
    f.fd = -1; /* the request keeps the descriptor */
    queue_file_close(&f);
    if (ok)
        smtp_client_end(&s->dialogue);
    return ok;
}
