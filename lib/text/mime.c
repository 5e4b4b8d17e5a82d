#include "text/mime.h"

#include "base/mem.h"
#include "base/utf8.h"
#include "text/mime_state.h"

#include <stdlib.h>

/* One level of nesting: a multipart with its boundary, or an enclosed message (no boundary). */
struct level {
    struct buf boundary;
    bool cut; /* the boundary was cut at the limit: compare that much only */
    bool digest;
};

enum place { PLACE_HEADER, PLACE_BODY };

struct mime {
    struct mime_options options;
    const struct mime_sink *sink;
    void *context;

    enum place place;
    enum mime_part part;
    bool head_ended;
    bool line_start; /* the next piece begins a line */

    /* The logical header under way. */
    struct buf pending;
    bool pending_cut; /* something was dropped */
    bool in_pending;  /* the line under way belongs to it */

    /* What the headers of this part say. */
    struct mime_content_type type;
    enum mime_encoding encoding;

    struct level *levels;
    size_t depth, size;

    bool convert; /* the body under way becomes quoted-printable */
    struct mime_qp qp;

    unsigned errors;
    bool declares_8bit;
};

struct mime *mime_new(const struct mime_options *options, const struct mime_sink *sink,
                      void *context)
{
    struct mime *m = mem_alloc(sizeof *m);

    m->options = *options;
    m->sink = sink;
    m->context = context;
    m->line_start = true;
    m->pending.max = MAX(options->header_limit, 1);
    m->qp.line.max = MIME_QP_COLUMNS;
    return m;
}

static void pop_to(struct mime *m, size_t depth)
{
    while (m->depth > depth)
        buf_free(&m->levels[--m->depth].boundary);
}

void mime_free(struct mime *m)
{
    if (m == NULL)
        return;
    pop_to(m, 0);
    free(m->levels);
    buf_free(&m->pending);
    buf_free(&m->type.boundary);
    buf_free(&m->qp.line);
    free(m);
}

/* ---- output ---- */

static void report(struct mime *m, enum mime_error error, unsigned flag, struct str text)
{
    if ((m->options.flags & flag) == 0 || (m->errors & error))
        return;
    m->errors |= error;
    if (m->sink->error)
        m->sink->error(m->context, error, text);
}

static void put_body(struct mime *m, struct str piece, bool ends_line)
{
    if (m->sink->body)
        m->sink->body(m->context, piece, ends_line);
}

static void put_header(struct mime *m, const struct header_info *info, struct str header)
{
    if (m->sink->header)
        m->sink->header(m->context, m->part, info, header);
}

static void put_qp_line(void *context, struct str line) { put_body(context, line, true); }

/* ---- headers ---- */

static void begin_headers(struct mime *m, enum mime_part part, bool digest)
{
    m->place = PLACE_HEADER;
    m->part = part;
    m->convert = false;
    m->encoding = MIME_ENCODING_7BIT;
    m->type.type = digest ? MIME_TYPE_MESSAGE : MIME_TYPE_LEAF;
    m->type.digest = false;
    buf_clear(&m->type.boundary);
}

/* Take note of a MIME header.  True if it is to be left out, because another one will take its
 * place. */
static bool learn(struct mime *m, const struct header_info *info, struct str value)
{
    if (m->options.flags & MIME_DISABLE)
        return false;
    if (info->id == HEADER_CONTENT_TYPE)
        mime_type_parse(value, m->options.flags & MIME_RECURSE_ALL,
                        MAX(m->options.boundary_limit, 1), &m->type);
    if (info->id != HEADER_CONTENT_TRANSFER_ENCODING)
        return false;
    m->encoding = mime_encoding_parse(value);
    return m->encoding == MIME_ENCODING_8BIT && (m->options.flags & MIME_DOWNGRADE);
}

static void flush_header(struct mime *m)
{
    struct str header = buf_str(&m->pending), name, value;
    const struct header_info *info = NULL;
    bool replaced = false;

    if (header.len == 0)
        return;
    if (m->pending_cut)
        report(m, MIME_ERROR_LONG_HEADER, MIME_REPORT_LONG_HEADER, header);
    if (!utf8_is_ascii(header))
        report(m, MIME_ERROR_8BIT_HEADER, MIME_REPORT_8BIT_HEADER, header);
    if (header_split(header, &name, &value) && (info = header_find(name)) != NULL)
        replaced = learn(m, info, value);
    if (!replaced)
        put_header(m, info, header);
    buf_clear(&m->pending);
    m->pending_cut = false;
}

static bool is_composite(const struct mime *m)
{
    return m->type.type == MIME_TYPE_MULTIPART || m->type.type == MIME_TYPE_MESSAGE;
}

/* A composite part cannot be encoded as a whole: its parts are. */
static void put_new_encoding(struct mime *m)
{
    struct str header = STR("Content-Transfer-Encoding: 8bit");

    if (is_composite(m))
        header = STR("Content-Transfer-Encoding: 7bit");
    else if (m->type.type == MIME_TYPE_LEAF)
        header = STR("Content-Transfer-Encoding: quoted-printable");
    m->convert = m->type.type == MIME_TYPE_LEAF;
    put_header(m, header_by_id(HEADER_CONTENT_TRANSFER_ENCODING), header);
}

/* False if the nesting is too deep to look into. */
static bool push(struct mime *m, struct str boundary, bool digest)
{
    if (m->depth >= m->options.nesting_limit) {
        report(m, MIME_ERROR_NESTING, MIME_REPORT_NESTING, boundary);
        return false;
    }
    if (m->depth == m->size) {
        m->size = m->size ? 2 * m->size : 4;
        m->levels = mem_resize(m->levels, m->size * sizeof *m->levels);
    }
    struct level *l = &m->levels[m->depth++];
    *l =
        (struct level){ .boundary = BUF_INIT(MAX(m->options.boundary_limit, 1)), .digest = digest };
    buf_add(&l->boundary, boundary);
    l->cut = boundary.len >= m->options.boundary_limit;
    return true;
}

/* The headers of a part are over: what is its body? */
static void begin_body(struct mime *m)
{
    m->place = PLACE_BODY;
    if (m->encoding == MIME_ENCODING_8BIT && !m->convert && !is_composite(m))
        m->declares_8bit = true;
    if (m->type.type == MIME_TYPE_MULTIPART && m->type.boundary.len)
        (void)push(m, buf_str(&m->type.boundary), m->type.digest);
    if (m->type.type == MIME_TYPE_MESSAGE && push(m, STR(""), false))
        begin_headers(m, MIME_NESTED, false);
}

/* What is made of parts is not encoded itself (RFC 2045 section 6.4). */
static void check_encoding(struct mime *m)
{
    if (!is_composite(m))
        return;
    if (m->encoding == MIME_ENCODING_QUOTED_PRINTABLE)
        report(m, MIME_ERROR_ENCODING_DOMAIN, MIME_REPORT_ENCODING_DOMAIN, STR("quoted-printable"));
    if (m->encoding == MIME_ENCODING_BASE64)
        report(m, MIME_ERROR_ENCODING_DOMAIN, MIME_REPORT_ENCODING_DOMAIN, STR("base64"));
}

static void end_headers(struct mime *m)
{
    flush_header(m);
    check_encoding(m);
    if (m->encoding == MIME_ENCODING_8BIT && (m->options.flags & MIME_DOWNGRADE))
        put_new_encoding(m);
    if (!m->head_ended && m->sink->head_end)
        m->sink->head_end(m->context);
    m->head_ended = true;
}

static void add_pending(struct mime *m, struct str text)
{
    buf_add(&m->pending, text);
    m->pending_cut |= m->pending.full;
}

/* ---- boundaries ---- */

enum boundary_match { NO_BOUNDARY, BOUNDARY_PART, BOUNDARY_END };

static enum boundary_match match(const struct level *l, struct str line)
{
    struct str rest = str_skip(line, 2);

    if (l->boundary.len == 0 || !str_skip_prefix(&rest, buf_str(&l->boundary)))
        return NO_BOUNDARY;
    if (str_starts(rest, STR("--")))
        return BOUNDARY_END;
    return l->cut || str_trim(rest).len == 0 ? BOUNDARY_PART : NO_BOUNDARY;
}

/* A line that ends a part: true if it has been dealt with. */
static bool take_boundary(struct mime *m, struct str line, bool ends_line)
{
    if (m->depth == 0 || !str_starts(line, STR("--")))
        return false;
    for (size_t i = m->depth; i-- > 0;) {
        enum boundary_match hit = match(&m->levels[i], line);
        if (hit == NO_BOUNDARY)
            continue;
        bool digest = m->levels[i].digest;
        if (m->place == PLACE_HEADER)
            end_headers(m);
        pop_to(m, hit == BOUNDARY_END ? i : i + 1);
        m->convert = false;
        put_body(m, line, ends_line);
        if (hit == BOUNDARY_PART) {
            begin_headers(m, MIME_MULTIPART, digest);
        } else {
            m->place = PLACE_BODY;
            m->encoding = MIME_ENCODING_7BIT; /* the epilogue */
        }
        return true;
    }
    return false;
}

/* ---- lines ---- */

static void body_piece(struct mime *m, struct str piece, bool ends_line)
{
    if (!utf8_is_ascii(piece)) {
        if (m->encoding != MIME_ENCODING_8BIT)
            report(m, MIME_ERROR_8BIT_BODY, MIME_REPORT_8BIT_BODY, piece);
    }
    if (m->convert)
        mime_qp_encode(&m->qp, piece, ends_line, put_qp_line, m);
    else
        put_body(m, piece, ends_line);
}

/* Text where a header should be.  In the message's own header an empty line goes in between, so
 * that the next reader does not take it for a header. */
static void text_in_header(struct mime *m, struct str line, bool ends_line)
{
    bool primary = m->part == MIME_PRIMARY;

    end_headers(m);
    if (primary) {
        report(m, MIME_ERROR_HEADER_END, MIME_REPORT_BAD_HEADER_END, line);
        put_body(m, STR(""), true);
    }
    begin_body(m);
    /* An enclosed message without any header begins with text: that is its body. */
    if (m->place == PLACE_HEADER) {
        end_headers(m);
        begin_body(m);
    }
    m->place = PLACE_BODY;
    body_piece(m, line, ends_line);
}

static void header_line(struct mime *m, struct str line, bool ends_line)
{
    m->in_pending = true;
    if (header_is_continuation(line) && m->pending.len) {
        add_pending(m, STR("\n"));
        add_pending(m, line);
    } else if (header_is_line(line)) {
        flush_header(m);
        add_pending(m, line);
    } else if (line.len == 0 && ends_line) {
        end_headers(m);
        put_body(m, line, true);
        begin_body(m);
    } else {
        m->in_pending = false;
        text_in_header(m, line, ends_line);
    }
}

void mime_line(struct mime *m, struct str piece, bool ends_line)
{
    bool start = m->line_start;

    m->line_start = ends_line;
    if (start) {
        m->in_pending = false;
        if (take_boundary(m, piece, ends_line))
            return;
        if (m->place == PLACE_HEADER)
            header_line(m, piece, ends_line);
        else
            body_piece(m, piece, ends_line);
    } else if (m->place == PLACE_HEADER && m->in_pending) {
        add_pending(m, piece);
    } else if (m->place == PLACE_HEADER) {
        put_body(m, piece, ends_line); /* the rest of an overlong boundary line */
    } else {
        body_piece(m, piece, ends_line);
    }
}

void mime_finish(struct mime *m)
{
    if (m->convert && !m->line_start)
        mime_qp_encode(&m->qp, STR(""), true, put_qp_line, m);
    if (m->place == PLACE_HEADER)
        end_headers(m);
    if (m->sink->end)
        m->sink->end(m->context);
}

unsigned mime_errors(const struct mime *m) { return m->errors; }
bool mime_declares_8bit(const struct mime *m) { return m->declares_8bit; }

enum mime_part mime_part_for_checks(enum mime_part part, const struct header_info *info)
{
    return info && (info->flags & HEADER_IS_MIME) ? MIME_MULTIPART : part;
}

struct str mime_error_text(enum mime_error error)
{
    switch (error) {
    case MIME_ERROR_NESTING:
        return STR("MIME nesting exceeds safety limit");
    case MIME_ERROR_LONG_HEADER:
        return STR("message header length exceeds safety limit");
    case MIME_ERROR_8BIT_HEADER:
        return STR("improper use of 8-bit data in message header");
    case MIME_ERROR_8BIT_BODY:
        return STR("improper use of 8-bit data in message body");
    case MIME_ERROR_ENCODING_DOMAIN:
        return STR("invalid message/* or multipart/* encoding domain");
    case MIME_ERROR_HEADER_END:
        return STR("primary header was terminated with non-empty line");
    }
    return STR("MIME error");
}
