#include "smtp/client.h"

#include "base/mem.h"
#include "smtp/client_state.h"

#include <assert.h>
#include <stdlib.h>

#define READ_SIZE      (4UL * 1024)
#define FLUSH_AT       (32UL * 1024)
#define DEFAULT_WINDOW 4096

/* `out` has no ceiling of its own: commands are bounded by the window, and content by FLUSH_AT and
 * one piece. */
void smtp_client_init(struct smtp_client *c, const struct smtp_client_options *options)
{
    *c = (struct smtp_client){ .options = *options };
    if (c->options.window == 0)
        c->options.window = DEFAULT_WINDOW;
    if (c->options.reply_line_limit == 0)
        c->options.reply_line_limit = 2048;
    c->state = mem_alloc(sizeof *c->state);
    smtp_reply_reader_init(&c->state->reader, c->options.reply_line_limit);
    c->state->reader.filter = options->filter;
    c->state->reader.note = options->note;
    c->state->reader.context = options->context;
}

void smtp_client_resume(struct smtp_client *c, const struct smtp_client_options *options,
                        const struct smtp_offer *offer)
{
    smtp_client_init(c, options);
    c->offer = (struct smtp_offer){ .extensions = offer->extensions,
                                    .size_limit = offer->size_limit,
                                    .xforward = offer->xforward };
    buf_add(&c->offer.auth, buf_str(&offer->auth));
    c->state->mode = SMTP_CMODE_READY;
}

void smtp_client_fini(struct smtp_client *c)
{
    buf_free(&c->out);
    buf_free(&c->offer.auth);
    buf_free(&c->server_name);
    buf_free(&c->state->in);
    smtp_reply_reader_fini(&c->state->reader);
    free(c->state->pending);
    free(c->state->accepted_list);
    free(c->state);
    c->state = NULL;
}

/* ---- bytes ---- */

static struct str unread(const struct smtp_client_state *st)
{
    return str_skip(buf_str(&st->in), st->start);
}

static void compact(struct smtp_client_state *st)
{
    buf_consume(&st->in, st->start);
    st->start = 0;
}

char *smtp_client_room(struct smtp_client *c, size_t *size)
{
    struct smtp_client_state *st = c->state;

    compact(st);
    char *room = buf_reserve(&st->in, READ_SIZE);
    *size = st->in.cap - st->in.len;
    return room;
}

void smtp_client_filled(struct smtp_client *c, size_t n)
{
    assert(n <= c->state->in.cap - c->state->in.len);
    c->state->in.len += n;
}

void smtp_client_feed(struct smtp_client *c, struct str bytes)
{
    compact(c->state);
    buf_add(&c->state->in, bytes);
}

void smtp_client_sent(struct smtp_client *c) { buf_clear(&c->out); }

/* ---- commands ---- */

void smtp_client_queue(struct smtp_client *c, enum smtp_step step, size_t recipient, size_t bytes)
{
    struct smtp_client_state *st = c->state;

    if (st->pending_count == st->pending_size) {
        size_t size = st->pending_size ? 2 * st->pending_size : 16;
        struct smtp_pending *more = mem_alloc(size * sizeof *more);
        for (size_t i = 0; i < st->pending_count; i++)
            more[i] = st->pending[(st->pending_head + i) % st->pending_size];
        free(st->pending);
        st->pending = more;
        st->pending_head = 0;
        st->pending_size = size;
    }
    st->pending[(st->pending_head + st->pending_count++) % st->pending_size] =
        (struct smtp_pending){ step, recipient, bytes };
    st->pending_bytes += bytes;
}

static struct smtp_pending take_pending(struct smtp_client_state *st)
{
    struct smtp_pending p = st->pending[st->pending_head];

    st->pending_head = (st->pending_head + 1) % st->pending_size;
    st->pending_count--;
    st->pending_bytes -= p.bytes;
    return p;
}

void smtp_client_note(const struct smtp_client *c, enum smtp_note note, struct str text)
{
    if (c->options.note)
        c->options.note(c->options.context, note, text);
}

void smtp_client_command(struct smtp_client *c, enum smtp_step step, size_t recipient,
                         struct str line)
{
    size_t start = c->out.len;

    buf_add(&c->out, line);
    /* A line break inside of an argument would be a command of its own. */
    for (size_t i = start; i < c->out.len; i++)
        if (c->out.ptr[i] == '\r' || c->out.ptr[i] == '\n')
            c->out.ptr[i] = ' ';
    smtp_client_note(c, SMTP_NOTE_SAID, str_skip(buf_str(&c->out), start));
    buf_add(&c->out, STR("\r\n"));
    smtp_client_queue(c, step, recipient, c->out.len - start);
}

bool smtp_client_window_full(const struct smtp_client *c)
{
    return c->state->pending_bytes >= c->options.window;
}

/* ---- greeting ---- */

static enum smtp_step hello_step(const struct smtp_client *c)
{
    const struct smtp_client_options *o = &c->options;

    if (o->lmtp)
        return SMTP_STEP_LHLO;
    if (o->never_esmtp || c->state->hello_plain ||
        (o->ehlo_if_announced && !c->state->esmtp_announced))
        return SMTP_STEP_HELO;
    return SMTP_STEP_EHLO;
}

static void say_hello(struct smtp_client *c)
{
    static const struct str verbs[] = { [SMTP_STEP_EHLO] = STR("EHLO "),
                                        [SMTP_STEP_HELO] = STR("HELO "),
                                        [SMTP_STEP_LHLO] = STR("LHLO ") };
    enum smtp_step step = hello_step(c);
    BUF_AUTO(line, 0);

    buf_clear(&c->offer.auth);
    c->offer = (struct smtp_offer){ .auth = c->offer.auth };
    buf_join(&line, verbs[step], c->options.helo_name);
    smtp_client_command(c, step, 0, buf_str(&line));
    c->state->mode = SMTP_CMODE_HELLO_SENT;
}

static bool refused(struct smtp_client *c, struct smtp_client_event *ev)
{
    c->state->mode = SMTP_CMODE_REFUSED;
    ev->kind = SMTP_CLIENT_REFUSED;
    return true;
}

static bool greeting_reply(struct smtp_client *c, struct smtp_client_event *ev)
{
    if (smtp_class_of(ev->answer.code) != SMTP_YES)
        return refused(c, ev);
    c->state->esmtp_announced = str_find_nocase(ev->answer.all, STR("ESMTP")) != STR_NOT_FOUND;
    c->state->mode = SMTP_CMODE_HELLO;
    ev->kind = SMTP_CLIENT_GREETING;
    return true;
}

static void note_server_name(struct smtp_client *c, struct str reply)
{
    struct str line = str_skip(str_cut(&reply, '\n'), 4), name;

    buf_clear(&c->server_name);
    if (str_token(&line, " \t\r", &name))
        buf_add(&c->server_name, name);
}

static bool hello_reply(struct smtp_client *c, struct smtp_client_event *ev)
{
    struct smtp_client_state *st = c->state;

    if (smtp_class_of(ev->answer.code) == SMTP_YES) {
        note_server_name(c, ev->answer.all);
        if (ev->step != SMTP_STEP_HELO) {
            c->offer.extensions = SMTP_EXT_ESMTP;
            smtp_offer_parse(c, ev->answer.all);
        }
        st->mode = SMTP_CMODE_READY;
        return false;
    }
    /* Whatever is wrong with EHLO, unless the server is about to leave: HELO may do. */
    if (ev->step == SMTP_STEP_EHLO && ev->answer.code != 421) {
        st->hello_plain = true;
        st->mode = SMTP_CMODE_HELLO;
        return false;
    }
    return refused(c, ev);
}

/* ---- replies ---- */

/* 220 leaves the mode as it is: what follows is the handshake and smtp_client_secured(). */
static bool starttls_reply(struct smtp_client *c, struct smtp_client_event *ev)
{
    if (ev->answer.code != 220)
        c->state->mode = SMTP_CMODE_READY;
    ev->kind = SMTP_CLIENT_STARTTLS;
    return true;
}

static bool auth_reply(struct smtp_client *c, struct smtp_client_event *ev)
{
    c->state->mode = ev->answer.code == 334 ? SMTP_CMODE_AUTH_ASKED : SMTP_CMODE_READY;
    c->authenticated = ev->answer.code == 235;
    ev->kind = SMTP_CLIENT_AUTH;
    return true;
}

static bool rset_reply(struct smtp_client *c, struct smtp_client_event *ev)
{
    c->state->mode = SMTP_CMODE_READY;
    c->half_done = false;
    ev->kind = SMTP_CLIENT_RSET;
    return true;
}

/* False if there is nothing to tell. */
static bool handle_reply(struct smtp_client *c, const struct smtp_answer *answer,
                         struct smtp_client_event *ev)
{
    struct smtp_client_state *st = c->state;
    bool greeting = st->mode == SMTP_CMODE_GREETING;
    struct smtp_pending p =
        greeting ? (struct smtp_pending){ SMTP_STEP_GREETING, 0, 0 } : take_pending(st);

    c->closing |= answer->code == 421;
    *ev = (struct smtp_client_event){ .step = p.step, .answer = *answer, .recipient = p.recipient };
    switch (st->mode) {
    case SMTP_CMODE_GREETING:
        return greeting_reply(c, ev);
    case SMTP_CMODE_HELLO_SENT:
        return hello_reply(c, ev);
    case SMTP_CMODE_STARTTLS:
        return starttls_reply(c, ev);
    case SMTP_CMODE_AUTH:
        return auth_reply(c, ev);
    case SMTP_CMODE_RSET:
        return rset_reply(c, ev);
    case SMTP_CMODE_TRANSACTION:
        return smtp_transaction_reply(c, &p, answer, ev);
    default: /* replies to what was given up for QUIT */
        if (p.step == SMTP_STEP_QUIT)
            st->mode = SMTP_CMODE_CLOSED;
        ev->kind = SMTP_CLIENT_RSET;
        return p.step == SMTP_STEP_RSET;
    }
}

enum reply_state { REPLY_NONE, REPLY_EVENT, REPLY_SILENT };

static enum reply_state next_reply(struct smtp_client *c, struct smtp_client_event *ev)
{
    struct smtp_client_state *st = c->state;
    struct str in = unread(st);
    struct smtp_answer answer;

    if (st->pending_count == 0 && st->mode != SMTP_CMODE_GREETING)
        return REPLY_NONE;
    /* When QUIT went ahead its answer belongs to smtp_client_quit(). */
    if (st->quit_sent && st->pending_count == 1 && st->mode != SMTP_CMODE_QUIT)
        return REPLY_NONE;
    enum smtp_reply_result r = smtp_reply_read(&st->reader, &in, &answer);
    st->start = st->in.len - in.len;
    if (r == SMTP_REPLY_MORE)
        return REPLY_NONE;
    if (r == SMTP_REPLY_BAD) {
        st->broken = c->closing = true;
        *ev = (struct smtp_client_event){ .kind = SMTP_CLIENT_BAD, .step = smtp_client_step(c) };
        return REPLY_EVENT;
    }
    return handle_reply(c, &answer, ev) ? REPLY_EVENT : REPLY_SILENT;
}

/* ---- the machine ---- */

static struct smtp_client_event plain(const struct smtp_client *c, enum smtp_client_event_kind kind)
{
    return (struct smtp_client_event){ .kind = kind, .step = smtp_client_step(c) };
}

/* One step without input; false if the machine has moved and is to be asked again: the reply to
 * what it said may be here already. */
static bool advance(struct smtp_client *c, struct smtp_client_event *ev)
{
    struct smtp_client_state *st = c->state;
    size_t pending = st->pending_count;

    switch (st->mode) {
    case SMTP_CMODE_HELLO:
        say_hello(c);
        return false;
    case SMTP_CMODE_READY:
        *ev = plain(c, SMTP_CLIENT_READY);
        return true;
    case SMTP_CMODE_TRANSACTION:
        smtp_transaction_send(c);
        if (smtp_transaction_next(c, ev))
            return true;
        *ev = plain(c, SMTP_CLIENT_NEED_INPUT);
        return pending > 0 && st->pending_count == pending;
    case SMTP_CMODE_BODY:
        *ev = plain(c, SMTP_CLIENT_SEND);
        return true;
    case SMTP_CMODE_REFUSED:
    case SMTP_CMODE_CLOSED:
        *ev = plain(c, SMTP_CLIENT_CLOSE);
        return true;
    case SMTP_CMODE_AUTH_ASKED:
        assert(!"smtp_client_auth_respond() is due");
        return true;
    default:
        *ev = plain(c, st->pending_count || st->mode == SMTP_CMODE_GREETING ? SMTP_CLIENT_NEED_INPUT
                                                                            : SMTP_CLIENT_CLOSE);
        return true;
    }
}

struct smtp_client_event smtp_client_next(struct smtp_client *c)
{
    struct smtp_client_event ev;

    for (;;) {
        if (c->state->broken)
            return plain(c, SMTP_CLIENT_CLOSE);
        if (c->state->mode != SMTP_CMODE_BODY) {
            enum reply_state r = next_reply(c, &ev);
            if (r == REPLY_EVENT)
                return ev;
            if (r == REPLY_SILENT)
                continue;
        }
        if (c->out.len >= FLUSH_AT)
            return plain(c, SMTP_CLIENT_FLUSH);
        if (advance(c, &ev))
            return ev;
    }
}

/* ---- what the driver wants ---- */

void smtp_client_starttls(struct smtp_client *c)
{
    assert(c->state->mode == SMTP_CMODE_READY);
    c->state->mode = SMTP_CMODE_STARTTLS;
    smtp_client_command(c, SMTP_STEP_STARTTLS, 0, STR("STARTTLS"));
}

void smtp_client_secured(struct smtp_client *c)
{
    struct smtp_client_state *st = c->state;

    c->secured = true;
    c->authenticated = false;
    st->in.len = st->start = 0;
    if (st->mode == SMTP_CMODE_STARTTLS) {
        st->hello_plain = false;
        st->mode = SMTP_CMODE_HELLO;
    }
}

void smtp_client_auth(struct smtp_client *c, struct str mechanism, struct str initial)
{
    BUF_AUTO(line, 0);

    assert(c->state->mode == SMTP_CMODE_READY);
    buf_join(&line, STR("AUTH "), mechanism);
    if (initial.ptr)
        buf_join(&line, STR(" "), initial.len ? initial : STR("="));
    c->state->mode = SMTP_CMODE_AUTH;
    smtp_client_command(c, SMTP_STEP_AUTH, 0, buf_str(&line));
}

void smtp_client_auth_respond(struct smtp_client *c, struct str base64)
{
    assert(c->state->mode == SMTP_CMODE_AUTH_ASKED);
    c->state->mode = SMTP_CMODE_AUTH;
    smtp_client_command(c, SMTP_STEP_AUTH, 0, base64);
}

void smtp_client_auth_cancel(struct smtp_client *c) { smtp_client_auth_respond(c, STR("*")); }

void smtp_client_begin(struct smtp_client *c, const struct smtp_transaction *t)
{
    struct smtp_client_state *st = c->state;

    assert(st->mode == SMTP_CMODE_READY);
    st->t = t;
    st->next_command = SMTP_SEND_RSET;
    st->next_recipient = st->accepted = 0;
    st->mail_refused = st->data_granted = st->content_sent = st->quit_sent = false;
    st->mode = SMTP_CMODE_TRANSACTION;
}

void smtp_client_rset(struct smtp_client *c, bool probe)
{
    assert(c->state->mode == SMTP_CMODE_READY);
    c->state->mode = SMTP_CMODE_RSET;
    smtp_client_command(c, probe ? SMTP_STEP_RSET_PROBE : SMTP_STEP_RSET, 0, STR("RSET"));
}

void smtp_client_quit(struct smtp_client *c)
{
    struct smtp_client_state *st = c->state;

    assert(st->mode != SMTP_CMODE_BODY);
    if (st->mode == SMTP_CMODE_CLOSED || st->mode == SMTP_CMODE_QUIT)
        return;
    st->mode = SMTP_CMODE_QUIT;
    if (c->half_done)
        smtp_client_command(c, SMTP_STEP_RSET, 0, STR("RSET"));
    if (!st->quit_sent)
        smtp_client_command(c, SMTP_STEP_QUIT, 0, STR("QUIT"));
}

bool smtp_client_is_leaving(const struct smtp_client *c)
{
    const struct smtp_client_state *st = c->state;

    return st->mode == SMTP_CMODE_CLOSED ||
           (st->pending_count == 1 && st->pending[st->pending_head].step == SMTP_STEP_QUIT);
}

bool smtp_client_write(struct smtp_client *c, struct str piece, bool ends_line)
{
    struct smtp_encoder *e = &c->state->encoder;
    bool was_folded = e->folded;

    assert(c->state->mode == SMTP_CMODE_BODY);
    smtp_encode(e, piece, ends_line, &c->out);
    if (e->folded && !was_folded)
        smtp_client_note(c, SMTP_NOTE_FOLDED, STR_NONE);
    return c->out.len >= FLUSH_AT;
}

void smtp_client_end(struct smtp_client *c)
{
    struct smtp_client_state *st = c->state;

    assert(st->mode == SMTP_CMODE_BODY);
    smtp_encode_end(&st->encoder, &c->out);
    smtp_client_note(c, SMTP_NOTE_SAID, STR("."));
    size_t replies = c->options.lmtp ? st->accepted : 1;
    for (size_t i = 0; i < replies; i++)
        smtp_client_queue(c, SMTP_STEP_DOT, st->accepted_list[i], 0);
    smtp_transaction_sent(c);
    st->mode = SMTP_CMODE_TRANSACTION;
}

bool smtp_client_early_reply(struct smtp_client *c, struct smtp_answer *answer)
{
    struct smtp_client_state *st = c->state;
    struct str in = unread(st);

    assert(st->mode == SMTP_CMODE_BODY);
    enum smtp_reply_result r = smtp_reply_read(&st->reader, &in, answer);
    st->start = st->in.len - in.len;
    c->closing |= r != SMTP_REPLY_MORE;
    return r == SMTP_REPLY_OK;
}

/* What is longer than a line is looked at no further: it has come in the middle of content, where nothing is due. */
bool smtp_client_has_reply(const struct smtp_client *c)
{
    struct str in = unread(c->state);

    return in.len > c->options.reply_line_limit || str_has(in, '\n');
}

enum smtp_step smtp_client_step(const struct smtp_client *c)
{
    const struct smtp_client_state *st = c->state;

    if (st->mode == SMTP_CMODE_GREETING)
        return SMTP_STEP_GREETING;
    if (st->mode == SMTP_CMODE_BODY)
        return SMTP_STEP_BODY;
    if (st->pending_count)
        return st->pending[st->pending_head].step;
    return st->mode == SMTP_CMODE_QUIT || st->mode == SMTP_CMODE_CLOSED ? SMTP_STEP_QUIT
                                                                        : SMTP_STEP_EHLO;
}
