/* What smtp-sink answers.  It takes nearly everything, so that what is measured is the client. */
#include "base/log.h"
#include "base/mem.h"
#include "tools/traffic/smtp-sink.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>

#define LINE_MAX_LENGTH (64UL * 1024) /* of a command; content may have lines of any length */

/* ---- words ---- */

static const char *const names[] = {
#define X(word) [WORD_##word] = #word,
    SINK_WORDS(X)
#undef X
};

const char *sink_word_name(enum sink_word word) { return word == WORD_DOT ? "." : names[word]; }

enum sink_word sink_word_find(struct str text)
{
    for (int w = 0; w < WORD_COUNT; w++)
        if (str_equal_nocase(text, str_from(sink_word_name((enum sink_word)w))))
            return (enum sink_word)w;
    return WORD_COUNT;
}

/* ---- answers ---- */

static void say(struct session *s, struct str text)
{
    log_debug(">>> " STR_FMT, STR_ARG(text));
    buf_join(&s->talk.out, text, STR("\r\n"));
}

static void count(struct session *s, int64_t *counter)
{
    ++*counter;
    s->sink->server.changed = true;
}

static void end_message(struct session *s)
{
    s->in_mail = false;
    s->rcpt_count = 0;
    buf_free(&s->mail);
    buf_free(&s->rcpts);
    dump_drop(s);
}

static void answer_connect(struct session *s, struct str argument)
{
    BUF_AUTO(text, 0);

    (void)argument;
    if (s->sink->is_pix)
        buf_add(&text, STR("220 ********"));
    else
        buf_join(&text, STR("220 "), str_from(s->sink->host),
                 s->sink->hides_esmtp ? STR("") : STR(" ESMTP"));
    say(s, buf_str(&text));
}

static void set_helo(struct session *s, struct str argument, const char *protocol)
{
    end_message(s);
    buf_clear(&s->helo);
    buf_add(&s->helo, argument);
    s->protocol = protocol;
}

static void answer_helo(struct session *s, struct str argument)
{
    BUF_AUTO(text, 0);

    set_helo(s, argument, "SMTP");
    buf_join(&text, STR("250 "), str_from(s->sink->host));
    say(s, buf_str(&text));
}

static void answer_ehlo(struct session *s, struct str argument)
{
    const struct sink *k = s->sink;
    const struct {
        bool hidden;
        struct str text;
    } offers[] = {
        { k->hides_pipelining, STR("PIPELINING") },
        { k->hides_8bit, STR("8BITMIME") },
        { k->hides_auth, STR("AUTH PLAIN LOGIN") },
        { k->hides_xclient, STR("XCLIENT NAME HELO") },
        { k->hides_xforward, STR("XFORWARD NAME ADDR PROTO HELO") },
        { k->hides_status, STR("ENHANCEDSTATUSCODES") },
        { k->hides_dsn, STR("DSN") },
    };
    BUF_AUTO(text, 0);

    set_helo(s, argument, k->is_lmtp ? "LMTP" : "ESMTP");
    buf_join(&text, STR("250-"), str_from(k->host));
    say(s, buf_str(&text));
    for (size_t i = 0; i < ARRAY_LEN(offers); i++) {
        if (offers[i].hidden)
            continue;
        buf_clear(&text);
        buf_join(&text, STR("250-"), offers[i].text);
        say(s, buf_str(&text));
    }
    say(s, STR("250 "));
}

static void answer_ok(struct session *s, struct str argument)
{
    (void)argument;
    say(s, STR("250 2.0.0 Ok"));
}

/* The address and its options, without the word before them. */
static struct str address_of(struct str argument)
{
    size_t colon = str_find(argument, ':');

    return colon == STR_NOT_FOUND ? argument : str_trim(str_skip(argument, colon + 1));
}

static void answer_mail(struct session *s, struct str argument)
{
    if (s->in_mail) {
        say(s, STR("503 5.5.1 Error: nested MAIL command"));
        return;
    }
    s->in_mail = true;
    if (s->sink->dump.template)
        buf_add(&s->mail, address_of(argument));
    say(s, STR("250 2.1.0 Ok"));
}

static void answer_rcpt(struct session *s, struct str argument)
{
    if (!s->in_mail) {
        say(s, STR("503 5.5.1 Error: need MAIL command"));
        return;
    }
    s->rcpt_count++;
    if (s->sink->dump.template)
        buf_join(&s->rcpts, address_of(argument), (struct str){ "", 1 });
    say(s, STR("250 2.1.5 Ok"));
}

static void abort_data(struct talk *t)
{
    struct session *s = CONTAINER_OF(t, struct session, talk);

    say(s, STR("550 This violates SMTP"));
    talk_end(t);
}

static void read_data(struct talk *t) { (void)t; }

static void answer_data(struct session *s, struct str argument)
{
    (void)argument;
    if (s->rcpt_count == 0) {
        say(s, STR("503 5.5.1 Error: need RCPT command"));
        return;
    }
    say(s, STR("354 End data with <CR><LF>.<CR><LF>"));
    if (s->sink->abort_delay >= 0) {
        talk_pause(&s->talk, (int64_t)s->sink->abort_delay * 1000, abort_data);
        return;
    }
    s->in_content = s->at_line_start = true;
    dump_begin(s);
    if (s->sink->data_read_delay)
        talk_pause(&s->talk, (int64_t)s->sink->data_read_delay * 1000, read_data);
}

static void answer_dot(struct session *s, struct str argument)
{
    int verdicts = s->sink->is_lmtp ? s->rcpt_count : 1;

    (void)argument;
    dump_end(s);
    count(s, &s->sink->messages);
    for (int i = 0; i < verdicts; i++)
        say(s, s->sink->is_lmtp ? STR("250 2.2.0 Ok") : STR("250 2.0.0 Ok"));
    end_message(s);
    if (s->sink->messages == s->sink->messages_max)
        s->sink->server.ended = true;
}

static void answer_rset(struct session *s, struct str argument)
{
    (void)argument;
    end_message(s);
    say(s, STR("250 2.1.0 Ok"));
}

static void answer_quit(struct session *s, struct str argument)
{
    (void)argument;
    count(s, &s->sink->quits);
    say(s, STR("221 Bye"));
    talk_end(&s->talk);
}

static void (*const answers[])(struct session *s, struct str argument) = {
    [WORD_CONNECT] = answer_connect, [WORD_HELO] = answer_helo,  [WORD_EHLO] = answer_ehlo,
    [WORD_LHLO] = answer_ehlo,       [WORD_XCLIENT] = answer_ok, [WORD_XFORWARD] = answer_ok,
    [WORD_AUTH] = answer_ok,         [WORD_MAIL] = answer_mail,  [WORD_RCPT] = answer_rcpt,
    [WORD_VRFY] = answer_ok,         [WORD_DATA] = answer_data,  [WORD_DOT] = answer_dot,
    [WORD_RSET] = answer_rset,       [WORD_NOOP] = answer_ok,    [WORD_QUIT] = answer_quit,
};

/* A word whose time has come is answered as the options say. */
static void answer(struct session *s, enum sink_word word, struct str argument)
{
    switch (s->sink->manners[word].answer) {
    case ANSWER_YES:
        answers[word](s, argument);
        return;
    case ANSWER_SOFT:
        say(s, str_from(s->sink->soft_reply));
        break;
    case ANSWER_HARD:
        say(s, str_from(s->sink->hard_reply));
        break;
    case ANSWER_421:
        say(s, STR("421 4.0.0 Server closing connection"));
        talk_end(&s->talk);
        break;
    case ANSWER_HANG_UP:
        talk_end(&s->talk);
        break;
    }
    if (word == WORD_DOT)
        end_message(s);
}

/* As often as a dice of a hundred faces shows less than the odds, and once more. */
static int64_t delay_ms(const struct sink_manner *m)
{
    int64_t ms = (int64_t)m->delay_s * 1000, total = ms;

    /* For tests of time: nobody guesses at it. NOLINTNEXTLINE(cert-msc30-c,cert-msc50-cpp,concurrency-mt-unsafe) */
    while (m->odds && rand() % 100 < m->odds)
        total += ms;
    return total;
}

static void answer_late(struct talk *t)
{
    struct session *s = CONTAINER_OF(t, struct session, talk);
    struct str argument = s->pending_argument;

    s->pending_argument = STR_NONE;
    answer(s, s->pending, argument);
    arena_free(&s->arena);
    s->arena = (struct arena){ 0 };
}

static void handle(struct session *s, enum sink_word word, struct str argument)
{
    const struct sink_manner *m = &s->sink->manners[word];

    if (m->logged)
        log_info("%s " STR_FMT, sink_word_name(word), STR_ARG(argument));
    if (m->delay_s == 0) {
        answer(s, word, argument);
        return;
    }
    s->pending = word;
    s->pending_argument = arena_str(&s->arena, argument);
    talk_pause(&s->talk, delay_ms(m), answer_late);
}

/* ---- what comes ---- */

/* Who says only HELO cannot be told of the rest. */
static bool is_spoken(const struct session *s, enum sink_word word)
{
    const struct sink *k = s->sink;

    switch (word) {
    case WORD_EHLO:
        return !k->hides_esmtp && !k->is_lmtp;
    case WORD_HELO:
        return !k->is_lmtp;
    case WORD_LHLO:
        return k->is_lmtp;
    case WORD_XCLIENT:
        return !k->hides_xclient;
    case WORD_XFORWARD:
        return !k->hides_xforward;
    case WORD_AUTH:
        return !k->hides_auth;
    default:
        return word != WORD_COUNT && word != WORD_CONNECT && word != WORD_DOT;
    }
}

static void hear_command(struct session *s, struct str line)
{
    struct str verb = STR("");

    log_debug("<<< " STR_FMT, STR_ARG(line));
    if (!str_token(&line, " \t", &verb)) {
        say(s, STR("500 5.5.2 Error: unknown command"));
        return;
    }
    enum sink_word word = sink_word_find(verb);
    if (is_spoken(s, word))
        handle(s, word, str_trim(line));
    else
        say(s, STR("500 5.5.1 Error: unknown command"));
}

/* A line of content; false: it is the last one. */
static bool take_content(struct session *s, struct str line, bool complete)
{
    bool starts = s->at_line_start;

    s->at_line_start = complete;
    if (complete && str_ends(line, STR("\r")))
        line.len--;
    if (starts && str_starts(line, STR("."))) {
        if (line.len == 1)
            return false;
        line = str_skip(line, 1);
    }
    if (s->dump.file)
        dump_line(s, line);
    return true;
}

/* Up to the end of the content, without keeping it. */
static void hear_content(struct session *s, struct str *in)
{
    while (in->len) {
        const char *newline = memchr(in->ptr, '\n', in->len);
        if (newline == NULL)
            return;
        struct str line = { in->ptr, (size_t)(newline - in->ptr) };
        *in = str_skip(*in, line.len + 1);
        if (take_content(s, line, true))
            continue;
        s->in_content = false;
        handle(s, WORD_DOT, STR(""));
        return;
    }
}

static void hear(struct talk *t, struct str *in)
{
    struct session *s = CONTAINER_OF(t, struct session, talk);

    while (in->len && !t->ending && !t->timer) {
        if (s->in_content) {
            hear_content(s, in);
            if (s->in_content)
                return;
            continue;
        }
        if (!str_has(*in, '\n')) {
            if (in->len > LINE_MAX_LENGTH)
                talk_end(t);
            return;
        }
        struct str line = str_cut(in, '\n');
        if (str_ends(line, STR("\r")))
            line.len--;
        hear_command(s, line);
    }
}

static void gone(struct talk *t, int error)
{
    struct session *s = CONTAINER_OF(t, struct session, talk);
    struct sink *k = s->sink;

    if (error > 0 && error != ECONNRESET && error != EPIPE)
        log_warning("%s", error == ETIMEDOUT ? "command read or write timeout" : strerror(error));
    count(s, &k->sessions);
    if (k->sessions == k->sessions_max)
        k->server.ended = true;
    end_message(s);
    buf_free(&s->helo);
    buf_free(&s->client);
    arena_free(&s->arena);
    free(s);
    server_left(&k->server);
}

const struct talk_kind sink_session_kind = { .hear = hear, .gone = gone };

void sink_greet(struct session *s)
{
    s->protocol = s->sink->is_lmtp ? "LMTP" : "SMTP";
    handle(s, WORD_CONNECT, STR(""));
    talk_flush(&s->talk);
}
