#include "pickup/submission.h"

#include "text/header.h"

#define LISTS_FIRST 8

/* A comment alone is nobody. */
static bool is_recipient(const struct address_item *item)
{
    return item->kind == ADDRESS_MAILBOX && (item->address.len || item->angle);
}

void submission_recipients_add(struct submission_recipients *r, struct str text, size_t token_limit)
{
    if (r->list_count == r->list_room) {
        size_t room = r->list_room ? 2 * r->list_room : LISTS_FIRST;
        struct address_list *bigger = arena_alloc(&r->memory, room * sizeof *bigger);
        if (r->list_count)
            memcpy(bigger, r->lists, r->list_count * sizeof *bigger);
        r->lists = bigger;
        r->list_room = room;
    }
    struct address_list *list = &r->lists[r->list_count++];
    address_list_parse(&r->memory, text, token_limit, list);
    r->truncated |= list->truncated;
    for (size_t i = 0; i < list->count; i++)
        r->count += is_recipient(&list->items[i]);
}

void submission_recipients_free(struct submission_recipients *r) { arena_free(&r->memory); }

static void put_recipient(struct buf *out, const struct submission_envelope *e, struct str address)
{
    if (e->notify_flags)
        record_put_attr_int(out, "notify_flags", e->notify_flags);
    record_put(out, REC_RCPT, address);
}

static void put_recipients(struct buf *out, const struct submission_envelope *e,
                           const struct submission_recipients *r)
{
    for (size_t i = 0; i < r->list_count; i++)
        for (size_t k = 0; k < r->lists[i].count; k++)
            if (is_recipient(&r->lists[i].items[k]))
                put_recipient(out, e, r->lists[i].items[k].address);
}

static void put_sendopts(struct buf *out, int sendopts)
{
    struct record_size size = { .sendopts = sendopts };
    char text[RECORD_SIZE_BYTES + 1];

    record_size_format(&size, text);
    record_put(out, REC_SIZE, (struct str){ text, RECORD_SIZE_BYTES });
}

void submission_put_envelope(struct buf *out, const struct submission_envelope *e,
                             const struct submission_recipients *rcpts)
{
    if (e->sendopts)
        put_sendopts(out, e->sendopts);
    if (e->envelope_id.len)
        record_put_attr(out, "envelope_id", e->envelope_id);
    if (e->ret_flags)
        record_put_attr_int(out, "ret_flags", e->ret_flags);
    record_put_attr(out, "rewrite_context", e->remote ? STR("remote") : STR("local"));
    if (e->full_name.ptr)
        record_put(out, REC_FULL_NAME, e->full_name);
    record_put(out, REC_SENDER, e->sender);
    if (e->encoding)
        record_put_attr(out, "encoding", str_from(e->encoding));
    if (e->trace_flags)
        record_put_attr_int(out, "trace_flags", e->trace_flags);
    if (e->verp.len)
        record_put(out, REC_VERP, e->verp);
    put_recipients(out, e, rcpts);
    record_put(out, REC_MESSAGE, STR_NONE);
}

static void put_probe_recipient(struct buf *out, struct str address, bool more)
{
    BUF_AUTO(line, 0);

    buf_addc(&line, '\t');
    address_quote(address, &line);
    if (more)
        buf_addc(&line, ',');
    record_put(out, REC_TEXT, buf_str(&line));
}

void submission_put_probe(struct buf *out, struct str sender,
                          const struct submission_recipients *rcpts)
{
    BUF_AUTO(from, 0);
    size_t left = rcpts->count;

    if (sender.len) { /* else cleanup(8) knows a name */
        buf_add_cstr(&from, "From: ");
        address_quote(sender, &from);
        record_put(out, REC_TEXT, buf_str(&from));
    }
    record_put(out, REC_TEXT, STR("Subject: probe"));
    record_put(out, REC_TEXT_PART, STR("To:"));
    for (size_t i = 0; i < rcpts->list_count; i++)
        for (size_t k = 0; k < rcpts->lists[i].count; k++)
            if (is_recipient(&rcpts->lists[i].items[k]))
                put_probe_recipient(out, rcpts->lists[i].items[k].address, --left > 0);
    record_put(out, REC_EXTRACTED, STR_NONE);
    record_put(out, REC_END, STR_NONE);
}

/* ---- content ---- */

void submission_content_init(struct submission_content *c, size_t line_limit, size_t token_limit)
{
    *c = (struct submission_content){ .crlf = SUBMISSION_CRLF_STRIP,
                                      .line_limit = MIN(line_limit, RECORD_PAYLOAD_MAX),
                                      .token_limit = token_limit };
}

void submission_content_free(struct submission_content *c)
{
    buf_free(&c->line);
    buf_free(&c->header);
    submission_recipients_free(&c->plain);
    submission_recipients_free(&c->resent);
}

size_t submission_extracted(const struct submission_content *c)
{
    return c->plain.count + c->resent.count;
}

bool submission_truncated(const struct submission_content *c)
{
    return c->plain.truncated || c->resent.truncated;
}

/* The header gathered so far is complete. */
static void end_header(struct submission_content *c)
{
    struct str name, value;

    if (c->header.len && header_split(buf_str(&c->header), &name, &value)) {
        const struct header_info *info = header_find(name);
        if (info && info->flags & HEADER_IS_EXTRACT)
            submission_recipients_add(info->flags & HEADER_IS_RESENT ? &c->resent : &c->plain,
                                      value, c->token_limit);
    }
    buf_clear(&c->header);
}

/* A line, or the next piece of a very long one. */
static void look_for_header(struct submission_content *c, struct str line)
{
    bool more = c->continued || (c->header.len && header_is_continuation(line));

    if (!more) {
        end_header(c);
        if (!header_is_line(line)) {
            c->in_body = true;
            return;
        }
    } else if (!c->continued) {
        buf_addc(&c->header, '\n');
    }
    buf_add(&c->header, line);
}

static void put_piece(struct submission_content *c, struct str piece, struct buf *out)
{
    if (c->extract && !c->in_body)
        look_for_header(c, piece);
    record_put(out, REC_TEXT_PART, piece);
    c->continued = c->begun = true;
}

/* One line without its LF. */
static void put_line(struct submission_content *c, struct str line, struct buf *out)
{
    bool crlf = str_ends(line, STR("\r"));

    if (c->crlf == SUBMISSION_CRLF_LOOK)
        c->crlf = crlf ? SUBMISSION_CRLF_STRIP : SUBMISSION_CRLF_KEEP;
    if (crlf && c->crlf == SUBMISSION_CRLF_STRIP)
        line.len--;
    if (c->dot_ends && !c->continued && str_equal(line, STR("."))) {
        c->ended = true;
        return;
    }
    if (!c->begun && header_is_mailbox_line(line)) /* no part of the message */
        return;
    c->begun = true;
    if (c->extract && !c->in_body)
        look_for_header(c, line);
    record_put(out, REC_TEXT, line);
    c->continued = false;
}

/* Pieces of a line that is longer than the limit; what is left fits, or is empty. */
static void put_long(struct submission_content *c, struct str *line, struct buf *out)
{
    while (line->len >= c->line_limit) {
        put_piece(c, str_sub(*line, 0, c->line_limit), out);
        *line = str_skip(*line, c->line_limit);
    }
}

bool submission_feed(struct submission_content *c, struct str bytes, struct buf *out)
{
    while (bytes.len && !c->ended) {
        size_t end = str_find(bytes, '\n');
        bool complete = end != STR_NOT_FOUND;
        struct str line = str_sub(bytes, 0, end);

        bytes = complete ? str_skip(bytes, end + 1) : STR_NONE;
        if (c->line.len || !complete) {
            buf_add(&c->line, line);
            line = buf_str(&c->line);
        }
        put_long(c, &line, out);
        if (complete) {
            put_line(c, line, out);
            buf_clear(&c->line);
        } else {
            buf_consume(&c->line, c->line.len - line.len);
        }
    }
    return !c->ended;
}

/* The last line has no end: it is given one. */
static void end_last_line(struct submission_content *c, struct buf *out)
{
    bool is_dot = c->dot_ends && !c->continued && str_equal(buf_str(&c->line), STR("."));

    if (c->line.len && !is_dot)
        put_piece(c, buf_str(&c->line), out);
    if (c->continued)
        put_line(c, STR(""), out);
}

bool submission_finish(struct submission_content *c, const struct submission_envelope *e,
                       bool have_rcpt, struct buf *out)
{
    if (!c->ended)
        end_last_line(c, out);
    if (c->extract)
        end_header(c);
    record_put(out, REC_EXTRACTED, STR_NONE);
    if (c->extract)
        put_recipients(out, e, c->resent.count ? &c->resent : &c->plain);
    record_put(out, REC_END, STR_NONE);
    return have_rcpt || !c->extract || submission_extracted(c) > 0;
}
