#include "smtp-client/content.h"

#include "base/log.h"
#include "conf/params.h"
#include "smtp-client/filter.h"
#include "smtp-client/wire.h"

#include <errno.h>
#include <poll.h>

static enum content_result stopped(const struct client_session *s, const struct filter *filter)
{
    if (filter && filter_failed(filter))
        return CONTENT_DAMAGED;
    return smtp_client_has_reply(&s->dialogue) ? CONTENT_ANSWERED : CONTENT_LOST;
}

static enum content_result damaged(const struct delivery *d)
{
    log_warning(STR_FMT ": message content ends without its end record",
                STR_ARG(d->request.queue_id));
    return CONTENT_DAMAGED;
}

static enum content_result send_records(struct delivery *d, struct client_session *s,
                                        struct filter *filter)
{
    struct queue_file *f = delivery_content(d);
    struct record rec;

    for (;;) {
        if (queue_file_read(f, &rec) != QUEUE_READ_RECORD)
            return damaged(d);
        if (rec.type != REC_TEXT && rec.type != REC_TEXT_PART)
            break;
        bool ends_line = rec.type == REC_TEXT;
        if (!(filter ? filter_piece(filter, rec.payload, ends_line)
                     : session_write(s, rec.payload, ends_line)))
            return stopped(s, filter);
    }
    if (rec.type != REC_EXTRACTED)
        return damaged(d);
    return filter == NULL || filter_finish(filter) ? CONTENT_SENT : stopped(s, filter);
}

/* Let the last line arrive in a packet of its own, well before the dot. */
static bool pause_before_dot(struct client_session *s)
{
    if (!session_flush(s, SMTP_STEP_BODY))
        return false;
    (void)poll(NULL, 0, smtp_conf.smtp_pix_workaround_delay_time * 1000);
    return true;
}

/* Header lines of our own; no check looks at them. */
static bool send_lines(struct client_session *s, struct str lines)
{
    while (lines.len)
        if (!session_write(s, str_cut(&lines, '\n'), true))
            return false;
    return true;
}

static enum content_result send_message(struct delivery *d, struct client_session *s)
{
    struct filter *filter = filter_applies(d, s) ? filter_new(d, s) : NULL;
    enum content_result result = send_records(d, s, filter);

    filter_free(filter);
    return result;
}

enum content_result content_send(struct delivery *d, struct client_session *s, struct str headers)
{
    enum content_result result = send_lines(s, headers) ? send_message(d, s) : stopped(s, NULL);

    if (result != CONTENT_SENT)
        return result;
    /* A reply that is here already is not about the message: it must not pass for its acceptance. */
    if (smtp_client_has_reply(&s->dialogue))
        return CONTENT_ANSWERED;
    if (s->delay_dot && !pause_before_dot(s))
        return CONTENT_LOST;
    smtp_client_end(&s->dialogue);
    return CONTENT_SENT;
}
