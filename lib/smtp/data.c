#include "smtp/data.h"

bool smtp_bare_newline_parse(struct str word, enum smtp_bare_newline *out)
{
    static const struct {
        struct str word;
        enum smtp_bare_newline policy;
    } words[] = {
        { STR("no"), SMTP_BARE_NO },
        { STR("yes"), SMTP_BARE_NORMALIZE },
        { STR("normalize"), SMTP_BARE_NORMALIZE },
        { STR("note"), SMTP_BARE_NOTE },
        { STR("reject"), SMTP_BARE_REJECT },
    };

    for (size_t i = 0; i < ARRAY_LEN(words); i++) {
        if (str_equal_nocase(word, words[i].word)) {
            *out = words[i].policy;
            return true;
        }
    }
    return false;
}

void smtp_decoder_init(struct smtp_decoder *d, enum smtp_bare_newline policy, size_t line_limit)
{
    *d = (struct smtp_decoder){
        .policy = policy, .line_limit = MAX(line_limit, 1), .line_start = true, .after_crlf = true
    };
}

void smtp_decoder_init_chunked(struct smtp_decoder *d, enum smtp_bare_newline policy,
                               size_t line_limit)
{
    smtp_decoder_init(d, policy, line_limit);
    d->chunked = true;
}

static struct str without_trailing_cr(struct str s)
{
    while (s.len && s.ptr[s.len - 1] == '\r')
        s.len--;
    return s;
}

/* A stuffed dot is taken off at the start of a line. */
static size_t stuffed_dot(const struct smtp_decoder *d, struct str line)
{
    return !d->chunked && d->line_start && line.len && line.ptr[0] == '.';
}

/* `line` is complete with its LF. */
static enum smtp_decode_result take_line(struct smtp_decoder *d, struct str line,
                                         struct smtp_piece *piece)
{
    bool crlf = line.len >= 2 && line.ptr[line.len - 2] == '\r';
    struct str text = str_sub(line, 0, line.len - (crlf ? 2 : 1));
    bool dot = !d->chunked && d->line_start && text.len == 1 && text.ptr[0] == '.';
    bool ends = dot && (d->policy == SMTP_BARE_NO || (crlf && d->after_crlf));

    d->bare_lf |= !crlf;
    if (ends)
        return SMTP_DECODE_END;
    if (dot) { /* it looks like the end and is none: no text either */
        *piece = (struct smtp_piece){ STR(""), false };
        d->after_crlf = crlf;
        return SMTP_DECODE_PIECE;
    }
    *piece = (struct smtp_piece){ without_trailing_cr(str_skip(text, stuffed_dot(d, text))), true };
    d->line_start = true;
    d->after_crlf = crlf;
    return SMTP_DECODE_PIECE;
}

static bool is_too_long(const struct smtp_decoder *d, struct str text)
{
    return without_trailing_cr(str_skip(text, stuffed_dot(d, text))).len >= d->line_limit;
}

/* The line is longer than the limit.  CRs at the cut stay for the next piece, where the line's end
 * may follow; a piece of nothing but CRs is passed on, so that there is progress. */
static void take_part(struct smtp_decoder *d, struct str in, size_t *consumed,
                      struct smtp_piece *piece)
{
    size_t dot = stuffed_dot(d, in);
    struct str text = str_sub(in, dot, dot + d->line_limit);
    struct str kept = without_trailing_cr(text);

    if (kept.len)
        text = kept;
    *piece = (struct smtp_piece){ text, false };
    *consumed = dot + text.len;
    d->line_start = false;
}

/* The last line of the last chunk has no end. */
static enum smtp_decode_result take_rest(struct smtp_decoder *d, struct str in, size_t *consumed,
                                         struct smtp_piece *piece)
{
    if (in.len == 0 && d->line_start)
        return SMTP_DECODE_MORE;
    *piece = (struct smtp_piece){ without_trailing_cr(in), true };
    *consumed = in.len;
    d->line_start = true;
    return SMTP_DECODE_PIECE;
}

enum smtp_decode_result smtp_decode(struct smtp_decoder *d, struct str in, bool final,
                                    size_t *consumed, struct smtp_piece *piece)
{
    /* A line of just the limit may be followed by its CR LF, and may begin with a stuffed dot. */
    size_t window = d->line_limit + 3;
    size_t lf = str_find(str_sub(in, 0, window), '\n');

    if (lf != STR_NOT_FOUND && !is_too_long(d, str_sub(in, 0, lf))) {
        *consumed = lf + 1;
        return take_line(d, str_sub(in, 0, lf + 1), piece);
    }
    if (lf != STR_NOT_FOUND || in.len >= window) {
        take_part(d, in, consumed, piece);
        return SMTP_DECODE_PIECE;
    }
    return final ? take_rest(d, in, consumed, piece) : SMTP_DECODE_MORE;
}

void smtp_encoder_init(struct smtp_encoder *e, size_t line_limit, bool dots)
{
    *e = (struct smtp_encoder){ .line_limit = line_limit, .dots = dots };
}

static void end_line(struct smtp_encoder *e, struct buf *out)
{
    buf_add(out, STR("\r\n"));
    e->column = 0;
    e->in_line = false;
}

/* A part of one line. */
static void encode_part(struct smtp_encoder *e, struct str part, struct buf *out)
{
    if (part.len && !e->in_line && e->dots && part.ptr[0] == '.')
        buf_addc(out, '.');
    while (part.len) {
        if (e->line_limit && e->column >= e->line_limit) {
            e->folded = true;
            buf_add(out, STR("\r\n "));
            e->column = 1;
        }
        size_t room = e->line_limit ? e->line_limit - MIN(e->column, e->line_limit) : part.len;
        struct str now = str_sub(part, 0, MAX(room, 1));
        buf_add(out, now);
        e->column += now.len;
        part = str_skip(part, now.len);
        e->in_line = true;
    }
}

void smtp_encode(struct smtp_encoder *e, struct str piece, bool ends_line, struct buf *out)
{
    size_t lf;

    while ((lf = str_find(piece, '\n')) != STR_NOT_FOUND) {
        encode_part(e, str_sub(piece, 0, lf), out);
        end_line(e, out);
        piece = str_skip(piece, lf + 1);
    }
    encode_part(e, piece, out);
    if (ends_line)
        end_line(e, out);
}

void smtp_encode_end(struct smtp_encoder *e, struct buf *out)
{
    if (e->in_line)
        end_line(e, out);
    if (e->dots)
        buf_add(out, STR(".\r\n"));
}
