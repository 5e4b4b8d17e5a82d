#include "smtp/server.h"

#include "base/mem.h"
#include "base/utf8.h"
#include "smtp/server_state.h"

#include <assert.h>
#include <stdlib.h>

#define COMMAND_READ (4u * 1024)
#define CONTENT_READ (64u * 1024)
#define FLUSH_AT     (SMTP_OUT_MAX / 2) /* leaves room for any one reply */

void smtp_server_init(struct smtp_server *s, const struct smtp_server_options *options)
{
    *s = (struct smtp_server){ .options = *options, .out = BUF_INIT(SMTP_OUT_MAX) };
    s->state = mem_alloc(sizeof *s->state);
}

void smtp_server_fini(struct smtp_server *s)
{
    buf_free(&s->out);
    buf_free(&s->state->in);
    buf_free(&s->state->carry);
    buf_free(&s->state->replaced);
    arena_free(&s->state->scratch);
    free(s->state);
    s->state = NULL;
}

/* ---- bytes ---- */

char *smtp_server_room(struct smtp_server *s, size_t *size)
{
    struct smtp_server_state *st = s->state;
    bool content = smtp_server_in_content(s) || st->unwanted;
    size_t want = content ? CONTENT_READ : COMMAND_READ;

    buf_consume(&st->in, st->start);
    st->start = 0;
    char *room = buf_reserve(&st->in, want);
    *size = st->in.cap - st->in.len;
    return room;
}

void smtp_server_filled(struct smtp_server *s, size_t n)
{
    assert(n <= s->state->in.cap - s->state->in.len);
    s->state->in.len += n;
}

void smtp_server_feed(struct smtp_server *s, struct str bytes)
{
    buf_consume(&s->state->in, s->state->start);
    s->state->start = 0;
    buf_add(&s->state->in, bytes);
}

void smtp_server_sent(struct smtp_server *s) { buf_clear(&s->out); }

/* ---- events ---- */

struct smtp_event smtp_event_ask(struct smtp_server *s, enum smtp_event_kind kind,
                                 enum smtp_command command)
{
    struct smtp_server_state *st = s->state;

    st->asked = true;
    st->optional = st->uncounted = false;
    st->asked_kind = kind;
    st->asked_command = command;
    return (struct smtp_event){
        .kind = kind, .command = command, .line = st->line, .bare_lf = st->line_bare_lf
    };
}

struct smtp_event smtp_event_refuse(struct smtp_server *s, enum smtp_command command,
                                    enum smtp_fault fault, int code, struct str text)
{
    struct smtp_event ev = smtp_event_ask(s, SMTP_REFUSED, command);

    s->state->uncounted = fault == SMTP_FAULT_UTF8 || fault == SMTP_FAULT_NO_COMMAND ||
                          (fault == SMTP_FAULT_DENIED && s->state->denial.code == 421);
    ev.fault = fault;
    ev.reply = (struct smtp_reply){ code, text };
    return ev;
}

struct str smtp_event_text(struct smtp_server *s, struct str a, struct str b, struct str c)
{
    BUF_AUTO(text, 0);

    buf_join(&text, a, b, c);
    return arena_str(&s->state->scratch, buf_str(&text));
}

static struct smtp_event plain(enum smtp_event_kind kind)
{
    return (struct smtp_event){ .kind = kind };
}

struct smtp_event smtp_event_after_abandon(struct smtp_server *s, struct smtp_event ev)
{
    struct smtp_server_state *st = s->state;

    if (st->transaction == SMTP_NO_TRANSACTION) {
        smtp_transaction_forget(st);
        return ev;
    }
    st->held = ev;
    st->have_held = true;
    st->asked = false;
    smtp_transaction_forget(st);
    return (struct smtp_event){ .kind = SMTP_ABANDON, .command = ev.command };
}

void smtp_transaction_forget(struct smtp_server_state *st)
{
    st->transaction = SMTP_NO_TRANSACTION;
    st->utf8 = st->bdat = st->bdat_failed = st->bdat_lost = false;
    st->total = 0;
    buf_clear(&st->carry);
    st->carry_used = false;
}

/* ---- command lines ---- */

/* What remains of an overlong line goes by; false if more input is needed. */
static bool skip_line(struct smtp_server_state *st)
{
    struct str in = smtp_server_unread(st);
    size_t lf = str_find(in, '\n');

    st->start += lf == STR_NOT_FOUND ? in.len : lf + 1;
    st->skipping_line = lf == STR_NOT_FOUND;
    return !st->skipping_line;
}

enum line_result { LINE_MORE, LINE_OK, LINE_TOO_LONG };

/* `limit` bytes make a line too long, as they do in content. */
static enum line_result fetch_line(struct smtp_server_state *st, size_t limit)
{
    if (st->skipping_line && !skip_line(st))
        return LINE_MORE;
    struct str in = smtp_server_unread(st);
    size_t lf = str_find(str_sub(in, 0, limit + 1), '\n');

    if (lf == STR_NOT_FOUND && in.len <= limit)
        return LINE_MORE;
    if (lf == STR_NOT_FOUND) {
        st->line = str_sub(in, 0, limit);
        st->start += limit;
        st->skipping_line = true;
        return LINE_TOO_LONG;
    }
    st->line = str_sub(in, 0, lf);
    st->line =
        str_trim(str_sub(st->line, 0, str_find(st->line, '\0'))); /* a NUL has always ended it */
    st->line_bare_lf = lf == 0 || in.ptr[lf - 1] != '\r';
    st->start += lf + 1;
    return LINE_OK;
}

/* Only who has heard what EHLO offers may talk ahead. */
static bool has_early_input(const struct smtp_server *s, enum smtp_command c)
{
    const struct smtp_server_state *st = s->state;

    bool alone = smtp_command_ends_group(c) || (!s->esmtp && c != SMTP_CMD_UNKNOWN);

    return alone && !st->early_told && c != SMTP_CMD_QUIT && smtp_server_unread(st).len > 0;
}

static struct smtp_event early_input(struct smtp_server_state *st, enum smtp_command c)
{
    st->early_told = true;
    return (
        struct smtp_event){ .kind = SMTP_EARLY_INPUT, .command = c, .arg = smtp_server_unread(st) };
}

static enum smtp_command line_command(const struct smtp_server *s)
{
    struct str rest = s->state->line, verb = STR("");

    if (!str_token(&rest, " \t", &verb))
        verb = STR("");
    enum smtp_command c = smtp_command_find(verb);
    return c == SMTP_CMD_HELP && s->options.no_help ? SMTP_CMD_UNKNOWN : c;
}

/* The line's events: LINE, EARLY_INPUT, then the command's own. */
static struct smtp_event command_event(struct smtp_server *s)
{
    struct smtp_server_state *st = s->state;
    enum smtp_command c = line_command(s);

    if (s->options.smtputf8 && !utf8_is_valid(st->line)) {
        st->have_line = false;
        return smtp_event_refuse(s, c, SMTP_FAULT_UTF8, 500, STR("5.5.2 Error: bad UTF-8 syntax"));
    }
    if (st->line.len)
        s->last = c;
    if (s->options.watch_lines && !st->shown) {
        st->shown = true;
        struct smtp_event ev = smtp_event_ask(s, SMTP_LINE, c);
        st->optional = true;
        return ev;
    }
    if (has_early_input(s, c))
        return early_input(st, c);
    st->have_line = false;
    return smtp_command_run(s);
}

static struct smtp_event too_long(struct smtp_server *s, enum smtp_command c, struct str text)
{
    return smtp_event_refuse(s, c, SMTP_FAULT_TOO_LONG, 500, text);
}

static bool command_next(struct smtp_server *s, struct smtp_event *ev)
{
    struct smtp_server_state *st = s->state;

    if (!st->have_line) {
        arena_reset(&st->scratch);
        enum line_result r = fetch_line(st, s->options.line_limit);
        if (r == LINE_MORE)
            return false;
        st->shown = st->early_told = false;
        st->payload = smtp_payload_of(st->line, r == LINE_TOO_LONG);
        if (r == LINE_TOO_LONG) {
            s->last = line_command(s);
            *ev = too_long(s, s->last,
                           smtp_event_text(s, STR("5.5.2 "), s->options.hostname,
                                           STR(" Error: command too long")));
            return true;
        }
        st->have_line = true;
    }
    *ev = command_event(s);
    return true;
}

static bool auth_next(struct smtp_server *s, struct smtp_event *ev)
{
    struct smtp_server_state *st = s->state;

    arena_reset(&st->scratch);
    switch (fetch_line(st, s->options.sasl_line_limit)) {
    case LINE_MORE:
        return false;
    case LINE_TOO_LONG:
        st->mode = SMTP_MODE_COMMAND;
        *ev = smtp_event_refuse(s, SMTP_CMD_AUTH, SMTP_FAULT_AUTH, 500,
                                STR("5.5.6 SASL response limit exceeded"));
        return true;
    case LINE_OK:
        break;
    }
    *ev = smtp_auth_line(s);
    return true;
}

static bool connect_next(struct smtp_server *s, struct smtp_event *ev)
{
    if (has_early_input(s, SMTP_CMD_CONNECT))
        *ev = early_input(s->state, SMTP_CMD_CONNECT);
    else
        *ev = smtp_event_ask(s, SMTP_CONNECT, SMTP_CMD_CONNECT);
    return true;
}

/* One event of the current mode; false if more input is needed. */
static bool mode_next(struct smtp_server *s, struct smtp_event *ev)
{
    struct smtp_server_state *st = s->state;

    switch (st->mode) {
    case SMTP_MODE_CONNECT:
        return connect_next(s, ev);
    case SMTP_MODE_COMMAND:
        return command_next(s, ev);
    case SMTP_MODE_AUTH:
        return auth_next(s, ev);
    case SMTP_MODE_TEXT:
    case SMTP_MODE_CHUNK:
        st->line = STR_NONE;
        st->line_bare_lf = false;
        return smtp_content_next(s, ev);
    case SMTP_MODE_TLS: /* the driver never shook hands */
    case SMTP_MODE_CLOSED:
        *ev = plain(SMTP_CLOSE);
        return true;
    }
    return false;
}

/* False if there is no transaction.  Of one whose later chunks are still to come, the client sees the end only
 * with the last of them. */
static bool abandon(struct smtp_server_state *st)
{
    bool had = st->transaction != SMTP_NO_TRANSACTION, failed = st->bdat_failed;
    bool lost = failed && (had || st->bdat_lost);

    st->abandon_due = false;
    smtp_transaction_forget(st);
    st->bdat_failed = failed;
    st->bdat_lost = lost;
    return had;
}

struct smtp_event smtp_server_next(struct smtp_server *s)
{
    struct smtp_server_state *st = s->state;
    struct smtp_event ev;

    assert(!st->asked || st->optional);
    st->asked = st->optional = false;
    if (s->out.len >= FLUSH_AT && st->mode != SMTP_MODE_CLOSED)
        return plain(SMTP_FLUSH);
    if (st->abandon_due && abandon(st))
        return (struct smtp_event){ .kind = SMTP_ABANDON, .command = s->last };
    if (st->have_held) {
        st->have_held = false;
        ev = st->held;
        st->asked = true;
        st->asked_kind = ev.kind;
        st->asked_command = ev.command;
        return ev;
    }
    if (st->mode != SMTP_MODE_CLOSED && !smtp_content_skip(s))
        return plain(SMTP_NEED_INPUT);
    return mode_next(s, &ev) ? ev : plain(SMTP_NEED_INPUT);
}

/* ---- answers ---- */

/* A goodbye to an unknown command (221) is no success; one that the driver took over before it was
 * parsed (smtpd_noop_commands) is no command at all.  XCLIENT has never been counted as a success. */
static void count(struct smtp_server *s, enum smtp_command c, bool ok, bool mildly)
{
    bool error = !mildly && (!ok || c == SMTP_CMD_UNKNOWN);

    if (c == SMTP_CMD_CONNECT || (ok && s->state->asked_kind == SMTP_LINE))
        return;
    s->tally[c].total += !s->state->uncounted;
    s->tally[c].ok += !error && c != SMTP_CMD_XCLIENT;
    s->errors += error;
    if (smtp_command_is_junk(c) && s->junk++ > s->options.junk_limit)
        s->errors++;
}

static void end_message(struct smtp_server *s, bool ok)
{
    smtp_transaction_forget(s->state);
    s->state->mode = SMTP_MODE_COMMAND;
    if (ok)
        s->errors = s->junk = 0;
}

static void session_starts_over(struct smtp_server *s)
{
    smtp_transaction_forget(s->state);
    s->state->greeted = false;
    s->esmtp = false;
}

static void refused_answered(struct smtp_server *s)
{
    struct smtp_server_state *st = s->state;

    if (st->content_refused) {
        st->content_refused = false;
        st->bdat_failed = st->mode == SMTP_MODE_CHUNK && !st->chunk_last;
        st->abandon_due = true;
        st->mode = SMTP_MODE_COMMAND;
    }
}

/* The dialogue moves on; `ok`: a positive reply. */
static void transition(struct smtp_server *s, int code, bool ok)
{
    struct smtp_server_state *st = s->state;

    switch (st->asked_kind) {
    case SMTP_CONNECT:
        st->mode = SMTP_MODE_COMMAND;
        break;
    case SMTP_HELO:
    case SMTP_EHLO:
        if (ok) {
            st->greeted = true;
            s->esmtp = st->asked_kind == SMTP_EHLO;
        }
        break;
    case SMTP_MAIL:
        if (ok) {
            st->transaction = SMTP_HAS_SENDER;
            st->utf8 = st->mail.smtputf8;
        }
        break;
    case SMTP_RCPT:
        if (ok)
            st->transaction = SMTP_HAS_RECIPIENT;
        break;
    case SMTP_DATA:
        if (code == 354)
            smtp_content_begin_data(s);
        break;
    case SMTP_BDAT: /* an answer is a refusal */
    case SMTP_CHUNK:
        if (!ok)
            smtp_content_fail_chunk(s);
        else if (st->asked_kind == SMTP_CHUNK)
            st->mode = SMTP_MODE_COMMAND;
        break;
    case SMTP_MESSAGE:
        end_message(s, ok);
        break;
    case SMTP_REFUSED:
        refused_answered(s);
        break;
    case SMTP_STARTTLS:
        if (code == 220)
            st->mode = SMTP_MODE_TLS;
        break;
    case SMTP_AUTH:
    case SMTP_AUTH_RESPONSE:
        st->mode = code == 334 ? SMTP_MODE_AUTH : SMTP_MODE_COMMAND;
        s->authenticated = code == 235;
        break;
    case SMTP_XCLIENT:
        if (code == 220)
            session_starts_over(s);
        break;
    case SMTP_QUIT:
        st->mode = SMTP_MODE_CLOSED;
        break;
    default:
        break;
    }
}

/* What is under way ends with the connection: a transaction, a SASL exchange. */
static void close_dialogue(struct smtp_server *s)
{
    if (smtp_server_in_content(s))
        s->tally[smtp_content_command(s->state)].total++;
    if (s->state->mode == SMTP_MODE_AUTH)
        s->tally[SMTP_CMD_AUTH].total++;
    s->state->abandon_due = false;
    s->state->mode = SMTP_MODE_CLOSED;
}

/* Replies that do not finish a command: content, or more of a SASL exchange, is to come. */
static bool is_intermediate(int code) { return code == 354 || code == 334; }

static void answer(struct smtp_server *s, struct smtp_reply reply, bool mildly)
{
    struct smtp_server_state *st = s->state;
    bool ok = reply.code < 400;

    assert(st->asked);
    st->asked = st->optional = false;
    smtp_reply_format(reply, &s->out);
    if (!is_intermediate(reply.code))
        count(s, st->asked_command, ok, mildly);
    if (st->asked_kind == SMTP_LINE)
        st->have_line = false;
    smtp_content_drop_payload(st);
    transition(s, reply.code, ok);
    if (reply.code == 421 || reply.code == 521 || st->unreadable)
        close_dialogue(s);
}

void smtp_server_answer(struct smtp_server *s, struct smtp_reply reply) { answer(s, reply, false); }

void smtp_server_answer_mildly(struct smtp_server *s, struct smtp_reply reply)
{
    answer(s, reply, true);
}

void smtp_server_close(struct smtp_server *s, struct smtp_reply reply)
{
    if (reply.code)
        smtp_reply_format(reply, &s->out);
    s->state->asked = s->state->have_held = false;
    close_dialogue(s);
}

void smtp_server_break_off(struct smtp_server *s, struct smtp_reply reply)
{
    if (s->last != SMTP_CMD_CONNECT)
        s->tally[s->last].total++;
    smtp_server_close(s, reply);
}

void smtp_server_log_in(struct smtp_server *s, bool authenticated)
{
    s->authenticated = authenticated;
}

void smtp_server_deny(struct smtp_server *s, struct smtp_reply reply)
{
    s->state->denied = true;
    s->state->denial = reply;
}

void smtp_server_introduced(struct smtp_server *s, bool esmtp)
{
    s->state->greeted = true;
    s->esmtp = esmtp;
}

/* What the client itself has announced comes all the same, before anything that the other line brings.  Only
 * where nobody can tell how much that is, the other line may. */
static void replace_payload(struct smtp_server_state *st)
{
    struct smtp_payload said = st->payload, now = smtp_payload_of(st->line, false);

    if (said.kind == SMTP_PAYLOAD_UNKNOWN && now.kind != SMTP_PAYLOAD_COUNTED)
        return;
    if (said.kind == SMTP_PAYLOAD_COUNTED &&
        (now.kind != SMTP_PAYLOAD_COUNTED || now.size != said.size))
        smtp_content_drop_payload(st);
    st->payload = now;
}

void smtp_server_replace(struct smtp_server *s, struct str line)
{
    struct smtp_server_state *st = s->state;

    assert(st->asked && st->asked_kind == SMTP_LINE);
    st->asked = false;
    buf_clear(&st->replaced);
    buf_add(&st->replaced, line);
    st->line = str_trim(buf_str(&st->replaced));
    replace_payload(st);
}

void smtp_server_secured(struct smtp_server *s)
{
    struct smtp_server_state *st = s->state;

    s->secured = true;
    s->authenticated = false;
    st->in.len = st->start = 0;
    st->skipping_line = st->bdat_failed = false;
    st->unwanted = 0;
    st->abandon_due = st->transaction != SMTP_NO_TRANSACTION;
    st->greeted = s->esmtp = false;
    if (st->mode != SMTP_MODE_CONNECT)
        st->mode = SMTP_MODE_COMMAND;
}

void smtp_server_not_secured(struct smtp_server *s)
{
    if (s->last == SMTP_CMD_STARTTLS)
        s->tally[SMTP_CMD_STARTTLS].ok--;
    smtp_server_close(s, (struct smtp_reply){ .code = 0 });
}

/* ---- what is known ---- */

enum smtp_stage smtp_server_stage(const struct smtp_server *s)
{
    switch (s->state->transaction) {
    case SMTP_HAS_RECIPIENT:
        return SMTP_STAGE_RCPT;
    case SMTP_HAS_SENDER:
        return SMTP_STAGE_MAIL;
    case SMTP_NO_TRANSACTION:
        break;
    }
    return s->state->greeted ? SMTP_STAGE_GREETED : SMTP_STAGE_NEW;
}

bool smtp_server_in_content(const struct smtp_server *s)
{
    return s->state->mode == SMTP_MODE_TEXT || s->state->mode == SMTP_MODE_CHUNK;
}

bool smtp_server_has_input(const struct smtp_server *s)
{
    const struct smtp_server_state *st = s->state;
    struct str in = smtp_server_unread(st);

    return st->have_held || st->abandon_due || str_has(in, '\n') ||
           in.len >= s->options.line_limit + 3;
}
