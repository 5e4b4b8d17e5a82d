/* Message content: DATA lines and BDAT chunks become SMTP_TEXT events. */
#include "base/number.h"
#include "smtp/server_state.h"

#define CHUNK_MAX ((int64_t)1 << 60)

enum smtp_command smtp_content_command(const struct smtp_server_state *st)
{
    return st->mode == SMTP_MODE_TEXT ? SMTP_CMD_DATA : SMTP_CMD_BDAT;
}

static struct smtp_event text_event(const struct smtp_server_state *st,
                                    const struct smtp_piece *piece)
{
    return (struct smtp_event){ .kind = SMTP_TEXT,
                                .command = smtp_content_command(st),
                                .arg = piece->text,
                                .ends_line = piece->ends_line,
                                .bare_lf = st->decoder.bare_lf };
}

/* All content is here. */
static struct smtp_event end_event(struct smtp_server *s, enum smtp_event_kind kind)
{
    struct smtp_server_state *st = s->state;
    enum smtp_command command = smtp_content_command(st);
    struct smtp_event ev;

    if (st->decoder.bare_lf && st->decoder.policy == SMTP_BARE_REJECT) {
        st->content_refused = true;
        ev = smtp_event_refuse(s, command, SMTP_FAULT_BARE_LF, s->options.bare_newline_code,
                               smtp_event_text(s, STR("5.5.2 "), s->options.hostname,
                                               STR(" Error: bare <LF> received")));
    } else {
        ev = smtp_event_ask(s, kind, command);
    }
    ev.size = kind == SMTP_CHUNK ? st->chunk_size : st->total;
    ev.first = st->total == st->chunk_size;
    ev.last = kind == SMTP_MESSAGE;
    ev.bare_lf = st->decoder.bare_lf;
    return ev;
}

void smtp_content_begin_data(struct smtp_server *s)
{
    struct smtp_server_state *st = s->state;

    smtp_decoder_init(&st->decoder, s->options.bare_newline, s->options.line_limit);
    st->mode = SMTP_MODE_TEXT;
    st->total = st->chunk_size = 0;
}

static bool data_next(struct smtp_server *s, struct smtp_event *ev)
{
    struct smtp_server_state *st = s->state;
    struct smtp_piece piece;
    size_t used;

    for (;;) {
        switch (smtp_decode(&st->decoder, smtp_server_unread(st), false, &used, &piece)) {
        case SMTP_DECODE_MORE:
            return false;
        case SMTP_DECODE_PIECE:
            st->start += used;
            if (piece.text.len == 0 && !piece.ends_line)
                break;
            *ev = text_event(st, &piece);
            return true;
        case SMTP_DECODE_END:
            st->start += used;
            *ev = end_event(s, SMTP_MESSAGE);
            return true;
        }
    }
}

/* ---- BDAT ---- */

static bool parse_count(struct str args, int64_t *size, bool *last)
{
    struct str word;

    *last = false;
    if (!str_token(&args, " \t", &word) || !char_is_digit(word.ptr[0]) ||
        !number_parse_range(word, 0, CHUNK_MAX, size))
        return false;
    if (!str_token(&args, " \t", &word))
        return true;
    *last = true;
    return str_equal_nocase(word, STR("LAST")) && !str_token(&args, " \t", &word);
}

struct smtp_payload smtp_payload_of(struct str line, bool cut)
{
    struct smtp_payload p = { .kind = SMTP_PAYLOAD_NONE };
    struct str bdat = STR("BDAT"), verb = STR("");

    (void)str_token(&line, " \t", &verb);
    /* At a cut the verb itself may be unfinished, or yet to come. */
    bool is_bdat =
        cut && line.len == 0 ? str_starts_nocase(bdat, verb) : str_equal_nocase(verb, bdat);
    if (is_bdat)
        p.kind = !cut && parse_count(line, &p.size, &p.last) ? SMTP_PAYLOAD_COUNTED
                                                             : SMTP_PAYLOAD_UNKNOWN;
    return p;
}

void smtp_content_drop_payload(struct smtp_server_state *st)
{
    if (st->payload.kind == SMTP_PAYLOAD_COUNTED) {
        st->unwanted = st->payload.size;
        st->bdat_failed = !st->payload.last;
        st->abandon_due = true;
    }
    st->unreadable |= st->payload.kind == SMTP_PAYLOAD_UNKNOWN;
    st->payload.kind = SMTP_PAYLOAD_NONE;
}

/* What was announced goes by after the refusal has been answered. */
static struct smtp_event refuse_chunk(struct smtp_server *s, enum smtp_fault fault, int code,
                                      struct str text)
{
    return smtp_event_refuse(s, SMTP_CMD_BDAT, fault, code, text);
}

static struct str discarded_text(struct smtp_server *s)
{
    BUF_AUTO(number, 32);

    buf_add_int(&number, s->state->payload.size);
    return smtp_event_text(s, STR("5.0.0 Discarded "), buf_str(&number),
                           STR(" bytes after earlier error"));
}

static bool is_too_big(const struct smtp_server *s)
{
    int64_t limit = s->options.message_size_limit;

    return limit > 0 && s->state->payload.size > limit - MIN(s->state->total, limit);
}

struct smtp_event smtp_content_begin_chunk(struct smtp_server *s)
{
    struct smtp_server_state *st = s->state;
    struct smtp_payload chunk = st->payload;

    if (!s->options.chunking)
        return refuse_chunk(s, SMTP_FAULT_OPTION, 521, STR("5.5.1 Error: command not implemented"));
    if (chunk.kind != SMTP_PAYLOAD_COUNTED)
        return refuse_chunk(s, SMTP_FAULT_BDAT, 521, STR("5.5.4 Syntax: BDAT count [LAST]"));
    if (st->bdat_failed)
        return refuse_chunk(s, SMTP_FAULT_ORDER, 551, discarded_text(s));
    if (st->transaction == SMTP_NO_TRANSACTION)
        return refuse_chunk(s, SMTP_FAULT_ORDER, 503, STR("5.5.1 Error: need RCPT command"));
    if (chunk.size == 0 && !chunk.last)
        return refuse_chunk(s, SMTP_FAULT_NULL_CHUNK, 551, STR("5.7.1 Null BDAT request"));
    if (st->transaction == SMTP_HAS_SENDER)
        return refuse_chunk(s, SMTP_FAULT_ORDER, 554, STR("5.5.1 Error: no valid recipients"));
    if (!st->bdat)
        st->total = 0;
    if (is_too_big(s))
        return refuse_chunk(s, SMTP_FAULT_BIG_CHUNK, 552,
                            STR("5.3.4 Chunk exceeds message size limit"));
    struct smtp_event ev = smtp_event_ask(s, SMTP_BDAT, SMTP_CMD_BDAT);
    st->optional = true;
    ev.size = chunk.size;
    ev.first = !st->bdat;
    ev.last = chunk.last;
    if (!st->bdat) {
        smtp_decoder_init_chunked(&st->decoder, s->options.bare_newline, s->options.line_limit);
        buf_clear(&st->carry);
        st->bdat = true;
    }
    st->payload.kind = SMTP_PAYLOAD_NONE;
    st->chunk_size = st->chunk_left = chunk.size;
    st->chunk_last = chunk.last;
    st->total += chunk.size;
    st->mode = SMTP_MODE_CHUNK;
    return ev;
}

void smtp_content_fail_chunk(struct smtp_server *s)
{
    struct smtp_server_state *st = s->state;

    st->bdat_failed = !st->chunk_last;
    st->abandon_due = true;
    st->unwanted = st->chunk_left;
    st->mode = SMTP_MODE_COMMAND;
}

bool smtp_content_skip(struct smtp_server *s)
{
    struct smtp_server_state *st = s->state;
    size_t have = smtp_server_unread(st).len;
    size_t now = (size_t)MIN((int64_t)have, st->unwanted);

    st->start += now;
    st->unwanted -= (int64_t)now;
    return st->unwanted == 0;
}

/* An unfinished line of earlier input is completed in `carry`, which then holds one decoder's
 * window at most. */
static bool carry_next(struct smtp_server_state *st, struct str chunk, bool final,
                       struct smtp_event *ev)
{
    struct smtp_piece piece;
    size_t before = st->carry.len, used = 0;

    size_t window = st->decoder.line_limit + 3;
    buf_add(&st->carry, str_sub(chunk, 0, window - MIN(before, window)));
    size_t added = st->carry.len - before;
    bool all = final && added == chunk.len;
    if (smtp_decode(&st->decoder, buf_str(&st->carry), all, &used, &piece) != SMTP_DECODE_PIECE) {
        st->start += added;
        st->chunk_left -= (int64_t)added;
        return false;
    }
    /* Bytes of the chunk that the piece did not take stay in the input; bytes of the old carry that
     * it did not take (CRs at a cut) stay here. */
    size_t taken = used > before ? used - before : 0;
    st->start += taken;
    st->chunk_left -= (int64_t)taken;
    st->carry_used = true;
    st->carry_taken = used;
    st->carry.len = MAX(used, before);
    *ev = text_event(st, &piece);
    return true;
}

/* Forget what the last event showed. */
static void carry_clean(struct smtp_server_state *st)
{
    buf_consume(&st->carry, MIN(st->carry_taken, st->carry.len));
    st->carry_used = false;
}

static bool chunk_text(struct smtp_server *s, struct smtp_event *ev)
{
    struct smtp_server_state *st = s->state;
    struct str have = smtp_server_unread(st);
    struct str chunk = str_sub(have, 0, (size_t)MIN((int64_t)have.len, st->chunk_left));
    bool complete = (int64_t)chunk.len == st->chunk_left;
    bool final = complete && st->chunk_last;
    struct smtp_piece piece;
    size_t used;

    if (st->carry.len)
        return carry_next(st, chunk, final, ev);
    if (smtp_decode(&st->decoder, chunk, final, &used, &piece) == SMTP_DECODE_PIECE) {
        st->start += used;
        st->chunk_left -= (int64_t)used;
        *ev = text_event(st, &piece);
        return true;
    }
    if (complete && chunk.len) {
        /* The rest of this line is in the next chunk, behind a command. */
        buf_add(&st->carry, chunk);
        st->start += chunk.len;
        st->chunk_left = 0;
    }
    return false;
}

static bool chunk_next(struct smtp_server *s, struct smtp_event *ev)
{
    struct smtp_server_state *st = s->state;

    if (chunk_text(s, ev))
        return true;
    if (st->chunk_left)
        return false;
    *ev = end_event(s, st->chunk_last ? SMTP_MESSAGE : SMTP_CHUNK);
    return true;
}

bool smtp_content_next(struct smtp_server *s, struct smtp_event *ev)
{
    struct smtp_server_state *st = s->state;

    if (st->mode == SMTP_MODE_TEXT)
        return data_next(s, ev);
    if (st->carry_used)
        carry_clean(st);
    return chunk_next(s, ev);
}
