#include "cleanup/receive.h"

#include "base/log.h"
#include "cleanup/milters.h"

static void take_record(struct message *m, const struct record *rec)
{
    switch (m->stage) {
    case STAGE_ENVELOPE:
        envelope_record(m, rec);
        return;
    case STAGE_CONTENT:
        content_record(m, rec);
        return;
    case STAGE_EXTRACTED:
        envelope_extracted(m, rec);
        return;
    case STAGE_ENDED:
        log_warning("%s: record behind the end of the message", message_id(m));
        message_fail(m, CLEANUP_BAD, STR_NONE);
        return;
    }
}

void message_records(struct message *m, struct str in)
{
    struct record rec;

    while (in.len && message_is_wanted(m)) {
        if (m->stage == STAGE_CONTENT) {
            content_copy_block(m, &in);
            if (in.len == 0)
                break;
        }
        if (record_take(&in, &rec) != RECORD_OK) {
            log_warning("%s: malformed record from the submitter", message_id(m));
            message_fail(m, CLEANUP_BAD, STR_NONE);
            break;
        }
        take_record(m, &rec);
        message_spill(m);
    }
    if (m->c->writer.error)
        message_fail(m, CLEANUP_WRITE, STR_NONE);
}

void message_end(struct message *m)
{
    queue_writer_close(&m->c->writer, &m->c->layout);
    if (m->traced)
        (void)!queue_remove(&m->c->layout, QUEUE_TRACE, &m->c->writer.id);
    content_free(m);
    milters_end(m);
    map_free(&m->seen, NULL);
    arena_free(&m->arena);
}
