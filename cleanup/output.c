#include "cleanup/output.h"

#include "base/log.h"
#include "base/utf8.h"

static void check_size(struct message *m)
{
    if (site_conf.message_size_limit == 0 || m->text_size <= site_conf.message_size_limit ||
        m->content.cut)
        return;
    log_warning("%s: queue file size limit exceeded", message_id(m));
    message_fail(m, CLEANUP_SIZE, STR_NONE);
    m->content.cut = true;
}

void output_text(struct message *m, struct str piece, bool ends_line)
{
    size_t limit = MIN((size_t)site_conf.line_length_limit, RECORD_PAYLOAD_MAX);
    struct buf *out = message_out(m);

    if (m->content.cut)
        return;
    m->text_size += (int64_t)piece.len + ends_line;
    for (; piece.len > limit; piece = str_skip(piece, limit))
        record_put(out, REC_TEXT_PART, str_sub(piece, 0, limit));
    record_put(out, ends_line ? REC_TEXT : REC_TEXT_PART, piece);
    check_size(m);
}

void output_lines(struct message *m, struct str lines)
{
    while (lines.ptr) {
        size_t end = str_find(lines, '\n');
        output_text(m, str_sub(lines, 0, end), true);
        lines = end == STR_NOT_FOUND ? STR_NONE : str_skip(lines, end + 1);
    }
}

/* A header that text follows without an empty line gets one. */
void output_body(struct message *m, struct str piece, bool ends_line)
{
    if (!m->content.body_begun) {
        m->content.body_begun = true;
        if (piece.len || !ends_line)
            output_text(m, STR_NONE, true);
    }
    output_text(m, piece, ends_line);
}

void output_records(struct message *m, struct str records, int64_t text_bytes)
{
    queue_writer_add(&m->c->writer, records);
    m->text_size += text_bytes;
    check_size(m);
}

void output_note_utf8(struct message *m, struct str text)
{
    if (!(m->sendopts & SENDOPT_UTF8_HEADER) && !utf8_is_ascii(text) && utf8_is_valid(text))
        m->sendopts |= SENDOPT_UTF8_HEADER;
}
