/* The message content: header and body come apart here, and most of it is copied without a look.
 *
 * The fast way follows the primary header only and copies the body in blocks of records.  With content
 * checks, strict MIME parameters or conversion every line goes through text/mime instead. */
#include "base/log.h"
#include "cleanup/held.h"
#include "cleanup/output.h"

#define SCAN_AHEAD 1024 /* bytes looked at for stray line ends beyond the present record */

/* ---- the header, the fast way ---- */

static const struct header_info *info_of(struct str line)
{
    return header_find(str_trim(str_sub(line, 0, header_name_length(line))));
}

static void end_header(struct message *m)
{
    struct content *c = &m->content;

    if (c->copying && c->header.len)
        output_text(m, buf_str(&c->header), true);
    else if (c->header.len)
        headers_take(m, MIME_PRIMARY, info_of(buf_str(&c->header)), buf_str(&c->header));
    buf_clear(&c->header);
    c->header_len = 0;
}

/* More of the present header: a new line of it, or the rest of a line.  What passes
 * header_size_limit is dropped. */
static void add_to_header(struct message *m, struct str piece, bool new_line, bool ends_line)
{
    struct content *c = &m->content;
    size_t limit = message_header_limit(m);
    size_t used = MIN(c->header_len + (new_line && c->header_len), limit);
    struct str kept = str_sub(piece, 0, limit - used);
    bool cut = kept.len < piece.len;

    if (c->header_len >= limit || (cut && new_line && kept.len == 0)) {
        c->header_len = limit;
        return;
    }
    c->header_len = cut ? limit : used + kept.len;
    if (c->copying) {
        output_note_utf8(m, kept);
        buf_add(&c->header, kept);
        if (ends_line || cut) {
            output_text(m, buf_str(&c->header), true);
            buf_clear(&c->header);
        }
        return;
    }
    if (new_line && c->header.len)
        buf_addc(&c->header, '\n');
    buf_add(&c->header, kept);
}

static void begin_header(struct message *m, struct str line, bool ends_line)
{
    end_header(m);
    m->content.copying = !headers_is_special(m, info_of(line), line);
    add_to_header(m, line, true, ends_line);
}

static void end_of_header(struct message *m)
{
    if (m->held)
        held_end_headers(m->held);
    m->content.part = CONTENT_BODY;
}

static void end_head(struct message *m)
{
    end_header(m);
    headers_complete(m);
    end_of_header(m);
}

static void head_line(struct message *m, struct str piece, bool ends_line)
{
    struct content *c = &m->content;

    if (c->in_line) {
        add_to_header(m, piece, false, ends_line);
    } else if (header_is_continuation(piece) && c->header_len) {
        add_to_header(m, piece, true, ends_line);
    } else if (header_is_line(piece)) {
        begin_header(m, piece, ends_line);
    } else { /* the empty line, or text where it should be */
        end_head(m);
        output_body(m, piece, ends_line);
    }
}

/* Without looking into the structure: a part that says it is 8bit makes the message so. */
static void watch_part_header(struct message *m, struct str line)
{
    struct str name = STR("content-transfer-encoding:");

    if (!str_skip_prefix_nocase(&line, name))
        return;
    line = str_trim(line);
    if (str_starts_nocase(line, STR("8bit")) || str_starts_nocase(line, STR("binary")))
        m->content.declares_8bit = cleanup_conf.detect_8bit_encoding_header;
}

static void take_piece(struct message *m, struct str piece, bool ends_line)
{
    struct content *c = &m->content;

    if (c->mime) {
        mime_line(c->mime, piece, ends_line);
    } else if (c->part == CONTENT_HEAD) {
        head_line(m, piece, ends_line);
    } else {
        if (c->is_composite && !c->in_line)
            watch_part_header(m, piece);
        output_body(m, piece, ends_line);
    }
    c->in_line = !ends_line;
}

/* ---- records ---- */

/* Copies `piece` without the bytes of `strip`, stray line ends as blanks. */
static struct str cleaned(struct message *m, struct str piece, struct buf *into)
{
    struct str strip = buf_str(&m->c->strip);

    for (size_t i = 0; i < piece.len; i++) {
        char ch = piece.ptr[i];
        if (str_has(strip, ch))
            continue;
        bool stray = (ch == '\r' || ch == '\n') && cleanup_conf.cleanup_replace_stray_cr_lf;
        buf_addc(into, (char)(stray ? ' ' : ch));
    }
    return buf_str(into);
}

static bool has_any(struct str s, struct str bytes)
{
    for (size_t i = 0; i < bytes.len; i++)
        if (str_has(s, bytes.ptr[i]))
            return true;
    return false;
}

static void text_record(struct message *m, const struct record *rec)
{
    BUF_AUTO(copy, 0);
    struct str piece = rec->payload;

    if (has_any(piece, buf_str(&m->c->reject))) {
        message_log_event(m, "reject", "content", str_cut(&piece, '\0'), 200,
                          STR("5.7.1 disallowed character"));
        message_fail(m, CLEANUP_CONTENT, STR("5.7.1 disallowed character"));
        return;
    }
    if (m->c->strip.len || str_has(piece, '\r') || str_has(piece, '\n'))
        piece = cleaned(m, piece, &copy);
    take_piece(m, piece, rec->type == REC_TEXT);
}

static void end_content(struct message *m)
{
    struct buf *out = message_out(m);

    content_finish(m);
    if (m->held == NULL)
        m->content_size = message_offset(m) - m->data_offset;
    record_put(out, REC_EXTRACTED, STR_NONE);
    if (m->filter.len)
        record_put(out, REC_FILTER, m->filter);
    if (m->redirect.len)
        record_put(out, REC_REDIRECT, m->redirect);
    if (m->content.declares_8bit && m->env.encoding.len == 0)
        record_put_attr(out, "encoding", STR("8bit"));
    m->stage = STAGE_EXTRACTED;
}

void content_record(struct message *m, const struct record *rec)
{
    switch (rec->type) {
    case REC_TEXT:
    case REC_TEXT_PART:
        text_record(m, rec);
        return;
    case REC_PADDING:
        return;
    case REC_EXTRACTED:
        end_content(m);
        return;
    default:
        log_warning("%s: unexpected record type %d in the content", message_id(m), rec->type);
        message_fail(m, CLEANUP_BAD, STR_NONE);
    }
}

/* ---- body blocks ---- */

/* The record at the front if it is text of the common kind; false, `in` untouched, for all others. */
static bool take_text(struct str *in, size_t limit, struct record *rec)
{
    struct str rest = *in;

    if (record_take(&rest, rec) != RECORD_OK || rec->payload.len > limit ||
        (rec->type != REC_TEXT && rec->type != REC_TEXT_PART))
        return false;
    *in = rest;
    return true;
}

/* How far from `from` no `c` stands, at least to `must` if that is so. */
static const char *clean_until(const char *from, const char *must, const char *end, char c)
{
    size_t window = MIN((size_t)(end - from), (size_t)(must - from) + SCAN_AHEAD);
    const char *hit = memchr(from, c, window);

    return hit ? hit : from + window;
}

static bool may_copy_blocks(const struct message *m)
{
    const struct content *c = &m->content;

    return c->part == CONTENT_BODY && c->body_begun && !c->mime && !c->cut &&
           m->c->strip.len == 0 && m->c->reject.len == 0;
}

void content_copy_block(struct message *m, struct str *in)
{
    const char *begin = in->ptr, *end = in->ptr + in->len, *no_cr = begin, *no_lf = begin;
    size_t limit = (size_t)site_conf.line_length_limit;
    struct str behind = *in;
    struct record rec;
    int64_t bytes = 0;

    if (!may_copy_blocks(m))
        return;
    while (take_text(&behind, limit, &rec)) {
        const char *next = rec.payload.ptr + rec.payload.len;
        if (next > no_cr)
            no_cr = clean_until(rec.payload.ptr, next, end, '\r');
        if (next > no_lf)
            no_lf = clean_until(rec.payload.ptr, next, end, '\n');
        if (next > no_cr || next > no_lf)
            break;
        if (m->content.is_composite && !m->content.in_line)
            watch_part_header(m, rec.payload);
        m->content.in_line = rec.type == REC_TEXT_PART;
        bytes += (int64_t)rec.payload.len + (rec.type == REC_TEXT);
        *in = behind;
    }
    output_records(m, (struct str){ begin, (size_t)(in->ptr - begin) }, bytes);
}

/* ---- the thorough way ---- */

static void sink_header(void *context, enum mime_part part, const struct header_info *info,
                        struct str header)
{
    struct message *m = context;

    if (part != MIME_PRIMARY)
        m->content.segment_bytes = 0;
    headers_take(m, part, info, header);
}

static void sink_head_end(void *context)
{
    struct message *m = context;

    headers_complete(m);
    end_of_header(m);
}

static void sink_body(void *context, struct str piece, bool ends_line)
{
    struct message *m = context;
    struct str replacement = STR_NONE;

    if (checks_body(m, piece, &replacement) == CHECK_DROP)
        return;
    output_body(m, replacement.ptr ? replacement : piece, ends_line);
}

static void sink_error(void *context, enum mime_error error, struct str text)
{
    struct message *m = context;

    if (!(m->flags & CLEANUP_FLAG_FILTER))
        return;
    if (m->content.mime_error.len == 0)
        m->content.mime_error = mime_error_text(error);
    message_log_mime_error(m, mime_error_text(error), text);
}

static const struct mime_sink sink = {
    .header = sink_header,
    .head_end = sink_head_end,
    .body = sink_body,
    .error = sink_error,
};

void content_begin(struct message *m)
{
    struct cleanup *c = m->c;
    bool filter = m->flags & CLEANUP_FLAG_FILTER;
    struct mime_options options = {
        .flags = filter ? c->mime_flags | MIME_REPORT_NESTING : 0,
        .header_limit = message_header_limit(m),
        .boundary_limit = (size_t)site_conf.mime_boundary_length_limit,
        .nesting_limit = (unsigned)site_conf.mime_nesting_limit,
    };

    if (!(filter && (c->has_checks || c->mime_flags)) && !cleanup_conf.force_mime_input_conversion)
        return;
    if (cleanup_conf.force_mime_input_conversion)
        options.flags |= MIME_DOWNGRADE;
    if (site_conf.disable_mime_input_processing)
        options.flags |= MIME_DISABLE;
    m->content.mime = mime_new(&options, &sink, m);
}

/* The first error refuses the message, once all of them are in the log. */
static void refuse_broken_mime(struct message *m)
{
    BUF_AUTO(reason, 256);

    if (m->content.mime_error.len == 0)
        return;
    buf_join(&reason, STR("5.6.0 "), m->content.mime_error);
    message_fail(m, CLEANUP_CONTENT, buf_str(&reason));
}

void content_finish(struct message *m)
{
    if (m->content.mime) {
        mime_finish(m->content.mime);
        refuse_broken_mime(m);
        if (mime_declares_8bit(m->content.mime))
            m->content.declares_8bit = cleanup_conf.detect_8bit_encoding_header;
    } else if (m->content.part == CONTENT_HEAD) {
        end_head(m);
    }
}

void content_free(struct message *m)
{
    mime_free(m->content.mime);
    buf_free(&m->content.header);
}
