/* Replays the transcripts of tests/dialogues against the server's core.
 *
 *   # comment
 *   @option value      how the server is set up (see set_option)
 *   @filter A => B     with watch_lines: the line A is replaced by B, or answered when B is empty
 *   C: text            the client says a line (CR LF is added)
 *   C= bytes           the client sends bytes; \r \n \0 \\ \xHH are understood
 *   C* 3000 x          the client sends a byte many times
 *   S: text            the server replies a line
 *   M: text            a line of content reaches the driver; `M+` a part of a line
 *   X: abandon         the transaction is given up; also `X: close`
 *
 * What follows from the client's bytes must be the S, M and X lines in their order, whether all
 * bytes come at once, in chunks of 1 to 64, or each C line only after the server has answered the
 * one before.  `@lockstep` leaves out all but the last, for dialogues where the client may not talk
 * ahead. */

#include "base/buf.h"
#include "base/number.h"
#include "smtp/server.h"
#include "unit.h"

#include <glob.h>
#include <stdio.h>
#include <stdlib.h>

#define MAX_SAID    200
#define MAX_FILTERS 8

struct transcript {
    struct buf text;
    struct smtp_server_options options;
    struct str said[MAX_SAID]; /* by the client, one C line each */
    size_t says;
    struct buf bytes; /* what `said` points into */
    struct buf expected;
    struct {
        struct str from, to;
    } filters[MAX_FILTERS];
    size_t filter_count;
    bool lockstep, deny, refuse_early;
};

static const struct smtp_server_options standard = {
    .hostname = STR("mx.example"),
    .line_limit = 2048,
    .sasl_line_limit = 12288,
    .message_size_limit = 1000000,
    .bare_newline_code = 550,
    .bare_newline = SMTP_BARE_NORMALIZE,
    .verp_filter = STR("-=+"),
    .ipv6 = true,
    .pipelining = true,
    .size = true,
    .vrfy = true,
    .etrn = true,
    .enhanced_codes = true,
    .eightbit = true,
    .dsn = true,
    .smtputf8 = true,
    .chunking = true,
    .auth_mechanisms = STR("PLAIN LOGIN"),
};

#define FLAG(name)                                             \
    {                                                          \
        STR(#name), offsetof(struct smtp_server_options, name) \
    }
static const struct {
    struct str name;
    size_t offset;
} flags[] = {
    FLAG(pipelining),
    FLAG(size),
    FLAG(vrfy),
    FLAG(etrn),
    FLAG(starttls),
    FLAG(auth),
    FLAG(xclient),
    FLAG(xforward),
    FLAG(enhanced_codes),
    FLAG(eightbit),
    FLAG(dsn),
    FLAG(smtputf8),
    FLAG(requiretls),
    FLAG(chunking),
    FLAG(verp),
    FLAG(auth_old_style),
    FLAG(vrfy_disabled),
    FLAG(etrn_disabled),
    FLAG(helo_required),
    FLAG(tls_required),
    FLAG(strict_addresses),
    FLAG(strict_smtputf8),
    FLAG(watch_lines),
    FLAG(no_help),
};

static void add_filter(struct transcript *t, struct str text)
{
    size_t arrow = str_find_str(text, STR(" =>"));

    assert_true(arrow != STR_NOT_FOUND && t->filter_count < MAX_FILTERS);
    t->filters[t->filter_count].from = str_sub(text, 0, arrow);
    t->filters[t->filter_count++].to = str_trim(str_skip(text, arrow + 3));
}

static void set_option(struct transcript *t, struct str name, struct str value)
{
    int64_t number = 0;

    for (size_t i = 0; i < ARRAY_LEN(flags); i++) {
        if (str_equal(name, flags[i].name)) {
            assert_true(bool_parse(value, (bool *)((char *)&t->options + flags[i].offset)));
            return;
        }
    }
    if (str_equal(name, STR("lockstep"))) {
        t->lockstep = true;
    } else if (str_equal(name, STR("deny"))) {
        t->deny = true;
    } else if (str_equal(name, STR("refuse_early"))) {
        t->refuse_early = true;
    } else if (str_equal(name, STR("filter"))) {
        add_filter(t, value);
    } else if (str_equal(name, STR("bare_newline"))) {
        assert_true(smtp_bare_newline_parse(value, &t->options.bare_newline));
    } else {
        assert_true(number_parse(value, &number));
        if (str_equal(name, STR("line_limit")))
            t->options.line_limit = (size_t)number;
        else if (str_equal(name, STR("sasl_line_limit")))
            t->options.sasl_line_limit = (size_t)number;
        else if (str_equal(name, STR("message_size_limit")))
            t->options.message_size_limit = number;
        else if (str_equal(name, STR("address_limit")))
            t->options.address_limit = (size_t)number;
        else if (str_equal(name, STR("value_limit")))
            t->options.value_limit = (size_t)number;
        else
            fail_msg("unknown option %.*s", STR_ARG(name));
    }
}

static int hex(char c) { return char_is_digit(c) ? c - '0' : char_lower(c) - 'a' + 10; }

static void add_escaped(struct buf *out, struct str s)
{
    for (size_t i = 0; i < s.len; i++) {
        char c = s.ptr[i];
        if (c == '\\' && i + 1 < s.len) {
            c = s.ptr[++i];
            c = c == 'r' ? '\r' : c == 'n' ? '\n' : c == '0' ? '\0' : c;
            if (c == 'x' && i + 2 < s.len) {
                c = (char)(hex(s.ptr[i + 1]) << 4 | hex(s.ptr[i + 2]));
                i += 2;
            }
        }
        buf_addc(out, c);
    }
}

static void client_says(struct transcript *t, char how, struct str text)
{
    size_t start = t->bytes.len;
    int64_t times;

    if (how == '*') {
        struct str count = str_cut(&text, ' ');
        assert_true(number_parse(count, &times));
        while (times-- > 0)
            buf_add(&t->bytes, text);
    } else if (how == '=') {
        add_escaped(&t->bytes, text);
    } else {
        buf_join(&t->bytes, text, STR("\r\n"));
    }
    assert_true(t->says < MAX_SAID && !t->bytes.full);
    t->said[t->says++] = (struct str){ t->bytes.ptr + start, t->bytes.len - start };
}

static void parse_line(struct transcript *t, struct str line)
{
    struct str rest = str_skip(line, 3);

    if (line.len == 0 || line.ptr[0] == '#')
        return;
    if (line.ptr[0] == '@') {
        struct str value = str_skip(line, 1);
        struct str name = str_cut(&value, ' ');
        set_option(t, name, value);
    } else if (line.ptr[0] == 'C') {
        client_says(t, line.ptr[1], rest);
    } else {
        buf_join(&t->expected, line, STR("\n"));
    }
}

static void load(struct transcript *t, const char *path)
{
    FILE *f = fopen(path, "r");
    char chunk[4096];
    size_t n;

    *t = (struct transcript){ .options = standard, .bytes = BUF_INIT(1 << 20) };
    assert_non_null(f);
    assert_non_null(buf_reserve(&t->bytes, 1 << 20)); /* `said` points into it */
    while ((n = fread(chunk, 1, sizeof chunk, f)) > 0)
        buf_add(&t->text, (struct str){ chunk, n });
    fclose(f);
    struct str rest = buf_str(&t->text);
    while (rest.len)
        parse_line(t, str_cut(&rest, '\n'));
}

static void unload(struct transcript *t)
{
    buf_free(&t->text);
    buf_free(&t->bytes);
    buf_free(&t->expected);
}

/* ---- the driver ---- */

struct driver {
    const struct transcript *transcript;
    struct smtp_server s;
    struct buf log;
    size_t logged; /* bytes of s.out that are in the log */
    struct buf text;
};

static void log_replies(struct driver *d)
{
    struct str fresh = str_skip(buf_str(&d->s.out), d->logged);

    d->logged = d->s.out.len;
    while (fresh.len) {
        struct str line = str_cut(&fresh, '\n');
        assert_true(str_ends(line, STR("\r")));
        line.len--;
        buf_join(&d->log, STR("S: "), line, STR("\n"));
    }
}

static void say(struct driver *d, int code, struct str text)
{
    smtp_server_answer(&d->s, (struct smtp_reply){ code, text });
    log_replies(d);
}

static void judge_address(struct driver *d, struct str address, struct str ok)
{
    if (str_starts(address, STR("no@")))
        say(d, 550, STR("5.1.1 refused"));
    else if (str_starts(address, STR("later@")))
        say(d, 450, STR("4.1.1 later"));
    else
        say(d, 250, ok);
}

static void judge_auth(struct driver *d, struct str response)
{
    if (response.ptr == NULL)
        say(d, 334, STR("VXNlcm5hbWU6"));
    else if (str_equal(response, STR("good")))
        say(d, 235, STR("2.7.0 Authentication successful"));
    else
        say(d, 535, STR("5.7.8 Error: authentication failed"));
}

static void log_mail(struct driver *d, const struct smtp_event *ev)
{
    static const char *const bodies[] = { "", " body=7bit", " body=8bitmime" };
    const struct smtp_mail *m = ev->mail;

    buf_join(&d->log, STR("M: from <"), m->address, STR(">"));
    if (m->size >= 0)
        buf_addf(&d->log, " size=%lld", (long long)m->size);
    buf_add_cstr(&d->log, bodies[m->body]);
    buf_join(&d->log, m->smtputf8 ? STR(" smtputf8") : STR(""), m->ret ? STR(" ret=") : STR(""),
             dsn_ret_name(m->ret), m->envid.ptr ? STR(" envid=") : STR(""), m->envid,
             m->verp ? STR(" verp=") : STR(""), m->verp_delimiters,
             m->auth.ptr ? STR(" auth=") : STR(""), m->auth, STR("\n"));
}

static void log_rcpt(struct driver *d, const struct smtp_event *ev)
{
    BUF_AUTO(notify, 100);

    dsn_notify_format(ev->rcpt->notify, &notify);
    buf_join(&d->log, STR("M: to <"), ev->rcpt->address, STR(">"),
             notify.len ? STR(" notify=") : STR(""), buf_str(&notify),
             ev->rcpt->orcpt.ptr ? STR(" orcpt=") : STR(""), ev->rcpt->orcpt, STR("\n"));
}

static void log_xattrs(struct driver *d, const struct smtp_xattrs *x)
{
    static const char *const kinds[] = { "", "", "(unavailable)", "(temporary)" };

    buf_add(&d->log, STR("M: client"));
    for (enum smtp_xattr i = 0; i < SMTP_XATTR_COUNT; i++)
        if (x->kind[i] != SMTP_XVALUE_ABSENT)
            buf_join(&d->log, STR(" "), smtp_xattr_name(i), STR("="), x->value[i],
                     str_from(kinds[x->kind[i]]));
    buf_add(&d->log, STR("\n"));
}

static void log_text(struct driver *d, const struct smtp_event *ev)
{
    struct str head = ev->ends_line ? STR("M: ") : STR("M+ ");

    buf_add(&d->log, head);
    for (size_t i = 0; i < ev->arg.len; i++) {
        if (ev->arg.ptr[i] == '\r')
            buf_add(&d->log, STR("\\r"));
        else
            buf_addc(&d->log, ev->arg.ptr[i]);
    }
    buf_addc(&d->log, '\n');
}

static void end_content(struct driver *d, const struct smtp_event *ev)
{
    BUF_AUTO(text, 200);

    buf_add(&text, STR("2.0.0 Ok"));
    if (ev->command == SMTP_CMD_BDAT)
        buf_addf(&text, ": %lld bytes%s", (long long)ev->size,
                 ev->kind == SMTP_MESSAGE ? " queued as QID" : "");
    else
        buf_add(&text, STR(": queued as QID"));
    say(d, 250, buf_str(&text));
}

static void greet(struct driver *d)
{
    if (d->transcript->deny) {
        smtp_server_deny(
            &d->s, (struct smtp_reply){ 503, STR("5.7.0 Error: access denied for x[1.2.3.4]") });
        say(d, 554, STR("5.7.1 <x[1.2.3.4]>: Client host rejected: go away"));
    } else {
        say(d, 220, STR("mx.example ESMTP"));
    }
}

static void say_ehlo(struct driver *d)
{
    BUF_AUTO(text, 2000);

    smtp_server_ehlo_text(&d->s, &text);
    say(d, 250, buf_str(&text));
}

static void watch_line(struct driver *d, const struct smtp_event *ev)
{
    const struct transcript *t = d->transcript;

    for (size_t i = 0; i < t->filter_count; i++) {
        if (!str_equal(ev->line, t->filters[i].from))
            continue;
        if (t->filters[i].to.len)
            smtp_server_replace(&d->s, t->filters[i].to);
        else
            say(d, 250, STR("2.0.0 Ok"));
        return;
    }
}

static void answer_event(struct driver *d, const struct smtp_event *ev)
{
    switch (ev->kind) {
    case SMTP_CONNECT:
        greet(d);
        break;
    case SMTP_EHLO:
        say_ehlo(d);
        break;
    case SMTP_HELO:
        say(d, 250, STR("mx.example"));
        break;
    case SMTP_MAIL:
        log_mail(d, ev);
        judge_address(d, ev->mail->address, STR("2.1.0 Ok"));
        break;
    case SMTP_RCPT:
        log_rcpt(d, ev);
        judge_address(d, ev->rcpt->address, STR("2.1.5 Ok"));
        break;
    case SMTP_VRFY:
        judge_address(d, ev->rcpt->address, STR("2.0.0 known"));
        break;
    case SMTP_DATA:
        say(d, 354, STR("End data with <CR><LF>.<CR><LF>"));
        break;
    case SMTP_CHUNK:
    case SMTP_MESSAGE:
        end_content(d, ev);
        break;
    case SMTP_AUTH:
        judge_auth(d, ev->initial);
        break;
    case SMTP_AUTH_RESPONSE:
        judge_auth(d, ev->arg);
        break;
    case SMTP_XCLIENT:
        log_xattrs(d, ev->xattrs);
        say(d, 220, STR("mx.example ESMTP"));
        break;
    case SMTP_XFORWARD:
        log_xattrs(d, ev->xattrs);
        say(d, 250, STR("2.0.0 Ok"));
        break;
    case SMTP_ETRN:
        say(d, 250, STR("Queuing started"));
        break;
    case SMTP_STARTTLS:
        say(d, 220, STR("2.0.0 Ready to start TLS"));
        smtp_server_secured(&d->s);
        break;
    default: /* refusals, and events whose usual reply comes with them */
        say(d, ev->reply.code, ev->reply.text);
    }
}

/* False at the end of the dialogue. */
static bool handle(struct driver *d, const struct smtp_event *ev)
{
    switch (ev->kind) {
    case SMTP_CLOSE:
        buf_add(&d->log, STR("X: close\n"));
        return false;
    case SMTP_FLUSH:
        smtp_server_sent(&d->s);
        d->logged = 0;
        return true;
    case SMTP_EARLY_INPUT:
        if (d->transcript->refuse_early) {
            smtp_server_close(&d->s, (struct smtp_reply){
                                         554, STR("5.5.0 Error: SMTP protocol synchronization") });
            log_replies(d);
        }
        return true;
    case SMTP_LINE:
        watch_line(d, ev);
        return true;
    case SMTP_ABANDON:
        buf_add(&d->log, STR("X: abandon\n"));
        return true;
    case SMTP_TEXT:
        log_text(d, ev);
        return true;
    case SMTP_BDAT:
        return true;
    default:
        answer_event(d, ev);
        return true;
    }
}

/* Run until all of `pieces` has been said; each piece is fed in steps of `step`. */
static void run(const struct transcript *t, const struct str *pieces, size_t count, size_t step)
{
    struct driver d = { .transcript = t };
    size_t piece = 0, at = 0;

    smtp_server_init(&d.s, &t->options);
    for (;;) {
        struct smtp_event ev = smtp_server_next(&d.s);
        if (ev.kind != SMTP_NEED_INPUT) {
            if (!handle(&d, &ev))
                break;
            continue;
        }
        smtp_server_sent(&d.s);
        d.logged = 0;
        while (piece < count && at == pieces[piece].len) {
            piece++;
            at = 0;
        }
        if (piece == count)
            break;
        struct str bytes = str_sub(pieces[piece], at, at + step);
        smtp_server_feed(&d.s, bytes);
        at += bytes.len;
    }
    if (!str_equal(buf_str(&d.log), buf_str(&t->expected)))
        fail_msg("step %zu: got\n%s\nexpected\n%.*s", step, buf_cstr(&d.log),
                 STR_ARG(buf_str(&t->expected)));
    smtp_server_fini(&d.s);
    buf_free(&d.log);
}

static void transcripts_read_the_same_in_every_chunking(void **state)
{
    (void)state;
    glob_t files;

    assert_int_equal(glob("dialogues/*.smtp", 0, NULL, &files), 0);
    assert_true(files.gl_pathc >= 12);
    for (size_t i = 0; i < files.gl_pathc; i++) {
        struct transcript t;
        load(&t, files.gl_pathv[i]);
        print_message("%s\n", files.gl_pathv[i]);
        struct str all = buf_str(&t.bytes);
        run(&t, t.said, t.says, 1 << 20);
        for (size_t step = 1; step <= 64 && !t.lockstep; step++)
            run(&t, &all, 1, step);
        if (!t.lockstep)
            run(&t, &all, 1, all.len);
        unload(&t);
    }
    globfree(&files);
}

/* ---- what transcripts cannot show ---- */

static void early_input_is_reported_before_the_greeting_and_behind_sync_points(void **state)
{
    (void)state;
    struct smtp_server s;

    smtp_server_init(&s, &standard);
    smtp_server_feed(&s, STR("EHLO x\r\nMAIL FROM:<a@b>\r\n"));
    struct smtp_event ev = smtp_server_next(&s);
    assert_int_equal(ev.kind, SMTP_EARLY_INPUT);
    assert_int_equal(ev.command, SMTP_CMD_CONNECT);
    ev = smtp_server_next(&s);
    assert_int_equal(ev.kind, SMTP_CONNECT);
    smtp_server_answer(&s, (struct smtp_reply){ 220, STR("hi") });
    ev = smtp_server_next(&s);
    assert_int_equal(ev.kind, SMTP_EARLY_INPUT);
    assert_int_equal(ev.command, SMTP_CMD_EHLO);
    assert_true(str_equal(ev.arg, STR("MAIL FROM:<a@b>\r\n")));
    ev = smtp_server_next(&s);
    assert_int_equal(ev.kind, SMTP_EHLO);
    smtp_server_close(
        &s, (struct smtp_reply){ 554, STR("5.5.0 Error: SMTP protocol synchronization") });
    assert_int_equal(smtp_server_next(&s).kind, SMTP_CLOSE);
    assert_true(
        str_ends(buf_str(&s.out), STR("554 5.5.0 Error: SMTP protocol synchronization\r\n")));
    smtp_server_fini(&s);
}

static void no_reply_is_lost_in_a_long_run_of_commands(void **state)
{
    (void)state;
    struct smtp_server s;
    size_t replies = 0;
    BUF_AUTO(input, 0);

    for (int i = 0; i < 20000; i++)
        buf_add(&input, STR("NOOP\r\n"));
    smtp_server_init(&s, &standard);
    smtp_server_feed(&s, buf_str(&input));
    for (;;) {
        struct smtp_event ev = smtp_server_next(&s);
        if (ev.kind == SMTP_NOOP || ev.kind == SMTP_CONNECT) {
            smtp_server_answer(&s, (struct smtp_reply){ 250, STR("2.0.0 Ok") });
        } else if (ev.kind == SMTP_FLUSH || ev.kind == SMTP_NEED_INPUT) {
            for (size_t i = 0; i < s.out.len; i++)
                replies += s.out.ptr[i] == '\n';
            assert_false(s.out.full);
            smtp_server_sent(&s);
            if (ev.kind == SMTP_NEED_INPUT)
                break;
        }
    }
    assert_int_equal(replies, 20001);
    assert_int_equal(s.tally[SMTP_CMD_NOOP].ok, 20000);
    assert_int_equal(s.junk, 20000);
    smtp_server_fini(&s);
}

static void session_statistics_are_in_table_order(void **state)
{
    (void)state;
    struct smtp_server s;
    BUF_AUTO(text, 200);

    smtp_server_init(&s, &standard);
    smtp_server_format_tally(&s, &text);
    assert_string_equal(buf_cstr(&text), " commands=0/0");
    smtp_server_feed(&s, STR("RCPT TO:<a@b>\r\nEHLO x\r\nEHLO\r\nFOO\r\nMAIL FROM:<a@b>\r\nRCPT "
                             "TO:<a@b>\r\nDATA\r\nx\r\n.\r\nQUIT\r\n"));
    for (;;) {
        struct smtp_event ev = smtp_server_next(&s);
        if (ev.kind == SMTP_CLOSE)
            break;
        if (ev.kind == SMTP_EARLY_INPUT || ev.kind == SMTP_TEXT)
            continue;
        int code = ev.reply.code ? ev.reply.code : ev.kind == SMTP_DATA ? 354 : 250;
        smtp_server_answer(&s, (struct smtp_reply){ code, STR("x") });
    }
    buf_clear(&text);
    smtp_server_format_tally(&s, &text);
    assert_string_equal(buf_cstr(&text),
                        " ehlo=1/2 mail=1 rcpt=1/2 data=1 quit=1 unknown=0/1 commands=5/8");
    smtp_server_fini(&s);
}

static void forbidden_command_is_answered_and_the_session_closed(void **state)
{
    (void)state;
    struct smtp_server s;
    BUF_AUTO(text, 200);

    smtp_server_init(&s, &standard);
    assert_int_equal(smtp_server_next(&s).kind, SMTP_CONNECT);
    smtp_server_answer(&s, (struct smtp_reply){ 220, STR("x") });
    smtp_server_feed(&s, STR("GET / HTTP/1.0\r\nHost: x\r\n"));
    struct smtp_event ev = smtp_server_next(&s);
    assert_int_equal(ev.kind, SMTP_UNKNOWN);
    assert_true(str_equal(ev.arg, STR("GET")) && !ev.header_like);
    smtp_server_answer(
        &s, (struct smtp_reply){ 221, STR("2.7.0 Error: I can break rules, too. Goodbye.") });
    smtp_server_close(&s, (struct smtp_reply){ .code = 0 });
    assert_int_equal(smtp_server_next(&s).kind, SMTP_CLOSE);
    smtp_server_format_tally(&s, &text);
    assert_string_equal(buf_cstr(&text), " unknown=0/1 commands=0/1");
    smtp_server_fini(&s);
}

static void header_lines_are_told_from_other_unknown_commands(void **state)
{
    (void)state;
    struct smtp_server s;

    smtp_server_init(&s, &standard);
    assert_int_equal(smtp_server_next(&s).kind, SMTP_CONNECT);
    smtp_server_answer(&s, (struct smtp_reply){ 220, STR("x") });
    smtp_server_feed(&s, STR("Subject: spam\r\n"));
    struct smtp_event ev = smtp_server_next(&s);
    assert_int_equal(ev.kind, SMTP_UNKNOWN);
    assert_true(ev.header_like);
    smtp_server_fini(&s);
}

/* The next event that wants an answer, when `bytes` come. */
static struct smtp_event hear(struct smtp_server *s, struct str bytes)
{
    smtp_server_feed(s, bytes);
    struct smtp_event ev = smtp_server_next(s);
    while (ev.kind == SMTP_EARLY_INPUT || ev.kind == SMTP_TEXT)
        ev = smtp_server_next(s);
    return ev;
}

static void begin(struct smtp_server *s, const struct smtp_server_options *options)
{
    smtp_server_init(s, options);
    assert_int_equal(smtp_server_next(s).kind, SMTP_CONNECT);
    smtp_server_answer(s, (struct smtp_reply){ 220, STR("x") });
}

static void tell(struct smtp_server *s, struct str line, int code)
{
    (void)hear(s, line);
    smtp_server_answer(s, (struct smtp_reply){ code, STR("x") });
}

static void assert_tally(const struct smtp_server *s, const char *want)
{
    BUF_AUTO(text, 200);

    smtp_server_format_tally(s, &text);
    assert_string_equal(buf_cstr(&text), want);
}

static void a_mild_refusal_is_no_error(void **state)
{
    (void)state;
    struct smtp_server s;

    begin(&s, &standard);
    tell(&s, STR("MAIL FROM:<a@b>\r\n"), 250);
    assert_int_equal(hear(&s, STR("RCPT TO:<a@b>\r\n")).kind, SMTP_RCPT);
    smtp_server_answer_mildly(&s, (struct smtp_reply){ 452, STR("x") });
    assert_int_equal(s.errors, 0);
    assert_int_equal(smtp_server_stage(&s), SMTP_STAGE_MAIL);
    assert_tally(&s, " mail=1 rcpt=1 commands=2");
    smtp_server_fini(&s);
}

static void content_that_is_cut_short_counts_as_failed(void **state)
{
    (void)state;
    struct smtp_server s;

    begin(&s, &standard);
    tell(&s, STR("MAIL FROM:<a@b>\r\n"), 250);
    tell(&s, STR("RCPT TO:<a@b>\r\n"), 250);
    tell(&s, STR("DATA\r\n"), 354);
    assert_int_equal(hear(&s, STR("half a li")).kind, SMTP_NEED_INPUT);
    smtp_server_close(&s, (struct smtp_reply){ .code = 0 });
    smtp_server_close(&s, (struct smtp_reply){ .code = 0 });
    assert_tally(&s, " mail=1 rcpt=1 data=0/1 commands=2/3");
    smtp_server_fini(&s);
}

static void who_breaks_the_rules_has_failed(void **state)
{
    (void)state;
    struct smtp_server s;

    begin(&s, &standard);
    assert_int_equal(hear(&s, STR("EHLO x\r\nNOOP\r\n")).kind, SMTP_EHLO);
    smtp_server_break_off(&s, (struct smtp_reply){ 554, STR("x") });
    assert_int_equal(smtp_server_next(&s).kind, SMTP_CLOSE);
    assert_tally(&s, " ehlo=0/1 commands=0/1");
    smtp_server_fini(&s);
}

static void junk_beyond_its_limit_is_an_error(void **state)
{
    (void)state;
    struct smtp_server_options options = standard;
    struct smtp_server s;

    options.junk_limit = 2;
    begin(&s, &options);
    for (int i = 0; i < 5; i++)
        tell(&s, STR("NOOP\r\n"), 250);
    assert_int_equal(s.junk, 5);
    assert_int_equal(s.errors, 2);
    smtp_server_fini(&s);
}

static void what_is_no_command_is_in_no_statistics(void **state)
{
    (void)state;
    struct smtp_server s;

    begin(&s, &standard);
    tell(&s, STR(" \r\n"), 500);
    tell(&s, STR("NOOP \xff\r\n"), 500);
    assert_int_equal(s.errors, 2);
    assert_tally(&s, " commands=0/0");
    smtp_server_fini(&s);
}

static void control_bytes_cannot_break_a_reply(void **state)
{
    (void)state;
    BUF_AUTO(out, 200);

    smtp_reply_format((struct smtp_reply){ 550, STR("5.1.1 a\r\t\x01z\nsecond") }, &out);
    assert_string_equal(buf_cstr(&out), "550-5.1.1 a???z\r\n550 second\r\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(transcripts_read_the_same_in_every_chunking),
        cmocka_unit_test(early_input_is_reported_before_the_greeting_and_behind_sync_points),
        cmocka_unit_test(no_reply_is_lost_in_a_long_run_of_commands),
        cmocka_unit_test(session_statistics_are_in_table_order),
        cmocka_unit_test(forbidden_command_is_answered_and_the_session_closed),
        cmocka_unit_test(header_lines_are_told_from_other_unknown_commands),
        cmocka_unit_test(a_mild_refusal_is_no_error),
        cmocka_unit_test(content_that_is_cut_short_counts_as_failed),
        cmocka_unit_test(who_breaks_the_rules_has_failed),
        cmocka_unit_test(junk_beyond_its_limit_is_an_error),
        cmocka_unit_test(what_is_no_command_is_in_no_statistics),
        cmocka_unit_test(control_bytes_cannot_break_a_reply),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
