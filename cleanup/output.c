#include "cleanup/output.h"

#include "base/log.h"
#include "base/utf8.h"
#include "cleanup/held.h"

#include <errno.h>

static void check_size(struct message *m)
{
    if (site_conf.message_size_limit == 0 || m->text_size <= site_conf.message_size_limit ||
        m->content.cut)
        return;
    log_warning("%s: queue file size limit exceeded", message_id(m));
    message_fail(m, CLEANUP_SIZE, STR_NONE);
    m->content.cut = true;
}

static void put_records(struct buf *out, struct str piece, bool ends_line)
{
    size_t limit = MIN((size_t)site_conf.line_length_limit, RECORD_PAYLOAD_MAX);

    for (; piece.len > limit; piece = str_skip(piece, limit))
        record_put(out, REC_TEXT_PART, str_sub(piece, 0, limit));
    record_put(out, ends_line ? REC_TEXT : REC_TEXT_PART, piece);
}

/* While the content is held back the header is a list, and the empty line behind it is none of the body. */
static void hold_text(struct message *m, struct str piece, bool ends_line)
{
    struct held *h = m->held;
    bool is_separator = m->content.body_begun && !h->separated;

    if (!m->content.body_begun)
        held_header_text(h, piece, ends_line);
    else if (!is_separator)
        put_records(held_body_out(h, (int64_t)piece.len + ends_line), piece, ends_line);
    h->separated = m->content.body_begun;
    held_body_spill(h);
}

void output_text(struct message *m, struct str piece, bool ends_line)
{
    if (m->content.cut)
        return;
    m->text_size += (int64_t)piece.len + ends_line;
    if (m->held)
        hold_text(m, piece, ends_line);
    else
        put_records(message_out(m), piece, ends_line);
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
    if (m->held) {
        buf_add(held_body_out(m->held, text_bytes), records);
        held_body_spill(m->held);
    } else {
        queue_writer_add(&m->c->writer, records);
    }
    m->text_size += text_bytes;
    check_size(m);
}

/* A filter may have changed the sender since its record was written. */
static void rewrite_sender(struct message *m)
{
    struct buf *file = queue_writer_buf(&m->c->writer);
    struct str old = str_skip(buf_str(file), (size_t)m->env.sender_offset), rest = old;
    struct record rec;
    BUF_AUTO(after, 0);

    if (record_take(&rest, &rec) != RECORD_OK || str_equal(rec.payload, m->env.sender))
        return;
    buf_add(&after, rest);
    buf_truncate(file, (size_t)m->env.sender_offset);
    record_put(file, REC_SENDER, m->env.sender);
    buf_add(file, buf_str(&after));
    m->data_offset = queue_writer_offset(&m->c->writer);
}

static void write_body(struct message *m, const struct held *h)
{
    struct held_reader reader;
    struct record rec;

    if (h->separated)
        output_text(m, STR_NONE, true);
    held_reader_init(&reader, h);
    while (!m->content.cut && held_read(&reader, &rec)) {
        output_text(m, rec.payload, rec.type == REC_TEXT);
        queue_writer_spill(&m->c->writer);
    }
    held_reader_fini(&reader);
}

void output_release(struct message *m)
{
    struct held *h = m->held;

    if (h->error == EMSGSIZE)
        log_warning("%s: headers of more than %lu bytes", message_id(m), HELD_HEADERS_MAX);
    if (h->error)
        message_fail(m, h->error == EMSGSIZE ? CLEANUP_SIZE : CLEANUP_WRITE, STR_NONE);
    recipient_mark_deleted(m);
    m->held = NULL; /* from now on output goes to the file */
    rewrite_sender(m);
    m->text_size = 0;
    for (size_t i = 0; i < h->count; i++)
        output_lines(m, h->headers[i].text);
    write_body(m, h);
    m->content_size = queue_writer_offset(&m->c->writer) - m->data_offset;
    queue_writer_add(&m->c->writer, buf_str(&h->tail));
    held_free(h);
}

void output_note_utf8(struct message *m, struct str text)
{
    if (!(m->sendopts & SENDOPT_UTF8_HEADER) && !utf8_is_ascii(text) && utf8_is_valid(text))
        m->sendopts |= SENDOPT_UTF8_HEADER;
}
