
#include "base/buf.h"
#include "smtp/client.h"
#include "smtp/xattr.h"
#include "unit.h"

/* A conversation is a script: `C: command` is what must be sent, `S: reply` what the server says
 * then, `E: event` what the driver must see.  It is replayed with the server's bytes in chunks of
 * every size. */
struct conversation {
    struct smtp_client_options options;
    struct smtp_transaction transaction;
    const char *recipients[4];
    const char *content; /* one line */
    const char *mechanism;
    bool rset, starttls;
    const char *script;
};

struct run {
    const struct conversation *say;
    struct smtp_client c;
    struct buf log;
    bool begun, authenticating, reset, secured;
};

static void log_sent(struct run *r)
{
    struct str sent = buf_str(&r->c.out);

    while (sent.len) {
        struct str line = str_cut(&sent, '\n');
        buf_join(&r->log, STR("C: "), str_sub(line, 0, line.len - 1), STR("\n"));
    }
    smtp_client_sent(&r->c);
}

static void log_event(struct run *r, const char *name, const struct smtp_client_event *ev,
                      bool recipient)
{
    log_sent(r);
    buf_join(&r->log, STR("E: "), str_from(name));
    if (recipient)
        buf_addf(&r->log, " %zu", ev->recipient);
    if (ev->answer.code)
        buf_join(&r->log, STR(" "), ev->answer.status, STR(" "), ev->answer.text);
    buf_add(&r->log, STR("\n"));
}

static struct smtp_rcpt recipient(void *context, size_t index)
{
    const struct conversation *say = context;

    return (struct smtp_rcpt){ .path = str_from(say->recipients[index]),
                               .notify = index == 1 ? DSN_NOTIFY_FAILURE : 0,
                               .orcpt = index == 1 ? STR("rfc822;a b") : STR_NONE };
}

/* What the driver does when the session is up. */
static void use_session(struct run *r)
{
    const struct conversation *say = r->say;

    if (say->starttls && !r->secured) {
        smtp_client_starttls(&r->c);
    } else if (say->mechanism && !r->authenticating) {
        r->authenticating = true;
        smtp_client_auth(&r->c, str_from(say->mechanism), STR_NONE);
    } else if (say->recipients[0] && !r->begun) {
        struct smtp_transaction *t = (struct smtp_transaction *)(uintptr_t)&say->transaction;
        r->begun = true;
        t->recipient = recipient;
        t->context = (void *)(uintptr_t)say;
        t->recipients = 0;
        while (t->recipients < 4 && say->recipients[t->recipients])
            t->recipients++;
        smtp_client_begin(&r->c, t);
    } else if (say->rset && !r->reset) {
        r->reset = true;
        smtp_client_rset(&r->c, false);
    } else {
        smtp_client_quit(&r->c);
    }
}

static bool handle(struct run *r, const struct smtp_client_event *ev)
{
    static const char *const names[] = {
        [SMTP_CLIENT_BAD] = "bad",           [SMTP_CLIENT_GREETING] = "greeting",
        [SMTP_CLIENT_REFUSED] = "refused",   [SMTP_CLIENT_STARTTLS] = "starttls",
        [SMTP_CLIENT_AUTH] = "auth",         [SMTP_CLIENT_RSET] = "rset",
        [SMTP_CLIENT_XFORWARD] = "xforward", [SMTP_CLIENT_MAIL] = "mail",
        [SMTP_CLIENT_RCPT] = "rcpt",         [SMTP_CLIENT_DATA] = "data",
        [SMTP_CLIENT_ACCEPTED] = "accepted", [SMTP_CLIENT_DONE] = "done",
    };

    switch (ev->kind) {
    case SMTP_CLIENT_CLOSE:
        log_event(r, "close", ev, false);
        return false;
    case SMTP_CLIENT_FLUSH:
        log_sent(r);
        return true;
    case SMTP_CLIENT_READY:
        use_session(r);
        return true;
    case SMTP_CLIENT_SEND:
        log_event(r, "send", ev, false);
        assert_false(smtp_client_write(&r->c, str_from(r->say->content), true));
        smtp_client_end(&r->c);
        return true;
    default:
        log_event(r, names[ev->kind], ev,
                  ev->kind == SMTP_CLIENT_RCPT || ev->kind == SMTP_CLIENT_ACCEPTED);
    }
    if (ev->kind == SMTP_CLIENT_REFUSED)
        smtp_client_quit(&r->c);
    if (ev->kind == SMTP_CLIENT_AUTH && ev->answer.code == 334)
        smtp_client_auth_respond(&r->c, STR("dGVzdA=="));
    if (ev->kind == SMTP_CLIENT_STARTTLS && ev->answer.code == 220) {
        r->secured = true;
        smtp_client_secured(&r->c);
    }
    return ev->kind != SMTP_CLIENT_BAD;
}

/* The server's part of the script, up to where it waits again. */
static void server_replies(struct str *script, struct buf *out)
{
    bool any = false;

    while (script->len) {
        struct str peek = *script;
        struct str line = str_cut(&peek, '\n');
        if (line.ptr[0] == 'S') {
            buf_join(out, str_skip(line, 3), STR("\r\n"));
            any = true;
        } else if (any) {
            return;
        }
        *script = peek;
    }
}

static void expect_lines(const struct conversation *say, struct buf *out)
{
    struct str script = str_from(say->script);

    while (script.len) {
        struct str line = str_cut(&script, '\n');
        if (line.ptr[0] != 'S')
            buf_join(out, line, STR("\n"));
    }
}

static void converse(const struct conversation *say, size_t step)
{
    struct run r = { .say = say };
    struct str script = str_from(say->script), rest = STR("");
    BUF_AUTO(replies, 1 << 20);
    BUF_AUTO(expected, 1 << 20);

    smtp_client_init(&r.c, &say->options);
    for (;;) {
        struct smtp_client_event ev = smtp_client_next(&r.c);
        if (ev.kind != SMTP_CLIENT_NEED_INPUT) {
            if (!handle(&r, &ev))
                break;
            continue;
        }
        log_sent(&r);
        if (rest.len == 0) {
            buf_clear(&replies);
            server_replies(&script, &replies);
            rest = buf_str(&replies);
            assert_true(rest.len > 0);
        }
        smtp_client_feed(&r.c, str_sub(rest, 0, step));
        rest = str_skip(rest, step);
    }
    expect_lines(say, &expected);
    assert_string_equal(buf_cstr(&r.log), buf_cstr(&expected));
    smtp_client_fini(&r.c);
    buf_free(&r.log);
}

static void in_every_chunking(struct conversation *say)
{
    say->options.helo_name = STR("client.example");
    for (size_t step = 1; step <= 64; step++)
        converse(say, step);
    converse(say, 1 << 20);
}

static void mail_goes_command_by_command_without_pipelining(void **state)
{
    (void)state;
    struct conversation say = {
        .transaction = { .sender = STR("s@x"),
                         .size = 12,
                         .body = SMTP_BODY_8BITMIME,
                         .ret = DSN_RET_HDRS,
                         .envid = STR("a b") },
        .recipients = { "a@y", "b@y", "c@y" },
        .content = ".text",
        .script = "S: 220 mx ESMTP\n"
                  "E: greeting 2.0.0 220 mx ESMTP\n"
                  "C: EHLO client.example\n"
                  "S: 250-mx\nS: 250-SIZE 1000\nS: 250-8bitmime\nS: 250 DSN\n"
                  "C: MAIL FROM:<s@x> SIZE=12 BODY=8BITMIME ENVID=a+20b RET=HDRS\n"
                  "S: 250 2.1.0 Ok\n"
                  "E: mail 2.1.0 250 2.1.0 Ok\n"
                  "C: RCPT TO:<a@y>\n"
                  "S: 250 ok\n"
                  "E: rcpt 0 2.0.0 250 ok\n"
                  "C: RCPT TO:<b@y> ORCPT=rfc822;a+20b NOTIFY=FAILURE\n"
                  "S: 550-5.1.1 no\nS: 550 5.1.1 such user\n"
                  "E: rcpt 1 5.1.1 550-5.1.1 no\n550 5.1.1 such user\n"
                  "C: RCPT TO:<c@y>\n"
                  "S: 450 wait\n"
                  "E: rcpt 2 4.0.0 450 wait\n"
                  "C: DATA\n"
                  "S: 354 go\n"
                  "E: send\n"
                  "C: ..text\nC: .\n"
                  "S: 250 2.0.0 Ok: queued\n"
                  "E: accepted 0 2.0.0 250 2.0.0 Ok: queued\n"
                  "E: done\n"
                  "C: QUIT\n"
                  "S: 221 bye\n"
                  "E: close\n",
    };
    in_every_chunking(&say);
}

static void pipelined_commands_go_together(void **state)
{
    (void)state;
    struct conversation say = {
        .transaction = { .size = -1,
                         .forward = &(struct smtp_forward){ .name = STR("h"),
                                                            .addr = STR("::1"),
                                                            .proto = STR("ESMTP"),
                                                            .helo = STR("a b") } },
        .recipients = { "a@y", "b@y" },
        .content = "x",
        .script = "S: 220 mx\n"
                  "E: greeting 2.0.0 220 mx\n"
                  "C: EHLO client.example\n"
                  "S: 250-mx\nS: 250-XFORWARD NAME ADDR PROTO HELO\nS: 250 PIPELINING\n"
                  "C: XFORWARD NAME=h ADDR=IPV6:::1\nC: XFORWARD PROTO=ESMTP HELO=a+20b\n"
                  "C: MAIL FROM:<>\nC: RCPT TO:<a@y>\nC: RCPT TO:<b@y>\nC: DATA\n"
                  "S: 250 ok\nS: 250 ok\nS: 250 ok\nS: 250 ok\nS: 550 no\nS: 354 go\n"
                  "E: xforward 2.0.0 250 ok\nE: xforward 2.0.0 250 ok\nE: mail 2.0.0 250 ok\nE: "
                  "rcpt 0 2.0.0 250 ok\nE: rcpt 1 5.0.0 550 no\n"
                  "E: send\n"
                  "C: x\nC: .\n"
                  "S: 451 4.3.0 disk\n"
                  "E: accepted 0 4.3.0 451 4.3.0 disk\n"
                  "E: done\n"
                  "C: QUIT\n"
                  "S: 221 bye\n"
                  "E: close\n",
    };
    in_every_chunking(&say);
}

static void granted_data_for_nobody_gets_an_empty_message(void **state)
{
    (void)state;
    struct conversation say = {
        .transaction = { .size = -1 },
        .recipients = { "a@y" },
        .script = "S: 220 mx\n"
                  "E: greeting 2.0.0 220 mx\n"
                  "C: EHLO client.example\n"
                  "S: 250-mx\nS: 250 PIPELINING\n"
                  "C: MAIL FROM:<>\nC: RCPT TO:<a@y>\nC: DATA\n"
                  "S: 250 ok\nS: 550 no\nS: 354 go\n"
                  "E: mail 2.0.0 250 ok\nE: rcpt 0 5.0.0 550 no\n"
                  "C: .\n"
                  "S: 250 queued\n"
                  "E: done\n"
                  "C: QUIT\n"
                  "S: 221 bye\n"
                  "E: close\n",
    };
    in_every_chunking(&say);
}

static void refused_sender_ends_the_transaction(void **state)
{
    (void)state;
    struct conversation say = {
        .transaction = { .size = -1 },
        .recipients = { "a@y" },
        .rset = true,
        .script = "S: 220 mx\n"
                  "E: greeting 2.0.0 220 mx\n"
                  "C: EHLO client.example\n"
                  "S: 250-mx\nS: 250 PIPELINING\n"
                  "C: MAIL FROM:<>\nC: RCPT TO:<a@y>\nC: DATA\n"
                  "S: 553 5.7.1 not you\nS: 503 what\nS: 503 what\n"
                  "E: mail 5.7.1 553 5.7.1 not you\n"
                  "E: done\n"
                  "C: RSET\n"
                  "S: 250 ok\n"
                  "E: rset 2.0.0 250 ok\n"
                  "C: QUIT\n"
                  "S: 221 bye\n"
                  "E: close\n",
    };
    in_every_chunking(&say);
}

static void lmtp_has_a_reply_for_each_accepted_recipient(void **state)
{
    (void)state;
    struct conversation say = {
        .options = { .lmtp = true },
        .transaction = { .size = -1 },
        .recipients = { "a@y", "b@y", "c@y" },
        .content = "x",
        .script = "S: 220 mx\n"
                  "E: greeting 2.0.0 220 mx\n"
                  "C: LHLO client.example\n"
                  "S: 250-mx\nS: 250 PIPELINING\n"
                  "C: MAIL FROM:<>\nC: RCPT TO:<a@y>\nC: RCPT TO:<b@y>\nC: RCPT TO:<c@y>\nC: DATA\n"
                  "S: 250 ok\nS: 250 ok\nS: 550 no\nS: 250 ok\nS: 354 go\n"
                  "E: mail 2.0.0 250 ok\nE: rcpt 0 2.0.0 250 ok\nE: rcpt 1 5.0.0 550 no\nE: rcpt 2 "
                  "2.0.0 250 ok\n"
                  "E: send\n"
                  "C: x\nC: .\n"
                  "S: 250 saved\nS: 452 4.2.2 full\n"
                  "E: accepted 0 2.0.0 250 saved\n"
                  "E: accepted 2 4.2.2 452 4.2.2 full\n"
                  "E: done\n"
                  "C: QUIT\n"
                  "S: 221 bye\n"
                  "E: close\n",
    };
    in_every_chunking(&say);
}

static void old_servers_get_helo(void **state)
{
    (void)state;
    struct conversation say = {
        .transaction = { .sender = STR("m@x"), .size = 5, .body = SMTP_BODY_8BITMIME },
        .recipients = { "a@y" },
        .content = "x",
        .script = "S: 220-old\nS: 220 mx\n"
                  "E: greeting 2.0.0 220-old\n220 mx\n"
                  "C: EHLO client.example\n"
                  "S: 502 what\n"
                  "C: HELO client.example\n"
                  "S: 250 mx\n"
                  "C: MAIL FROM:<m@x>\n"
                  "S: 250 ok\n"
                  "E: mail 2.0.0 250 ok\n"
                  "C: RCPT TO:<a@y>\n"
                  "S: 250 ok\n"
                  "E: rcpt 0 2.0.0 250 ok\n"
                  "C: DATA\n"
                  "S: 452 no space\n"
                  "E: data 4.0.0 452 no space\n"
                  "E: done\n"
                  "C: RSET\nC: QUIT\n"
                  "S: 250 ok\nS: 221 bye\n"
                  "E: rset 2.0.0 250 ok\n"
                  "E: close\n",
    };
    in_every_chunking(&say);
}

static void tls_starts_the_session_again_and_auth_asks_back(void **state)
{
    (void)state;
    struct conversation say = {
        .starttls = true,
        .mechanism = "LOGIN",
        .script = "S: 220 mx\n"
                  "E: greeting 2.0.0 220 mx\n"
                  "C: EHLO client.example\n"
                  "S: 250-mx\nS: 250 STARTTLS\n"
                  "C: STARTTLS\n"
                  "S: 220 go\n"
                  "E: starttls 2.0.0 220 go\n"
                  "C: EHLO client.example\n"
                  "S: 250-mx\nS: 250 AUTH LOGIN\n"
                  "C: AUTH LOGIN\n"
                  "S: 334 VXNlcg==\n"
                  "E: auth 5.5.0 334 VXNlcg==\n"
                  "C: dGVzdA==\n"
                  "S: 235 2.7.0 yes\n"
                  "E: auth 2.7.0 235 2.7.0 yes\n"
                  "C: QUIT\n"
                  "S: 221 bye\n"
                  "E: close\n",
    };
    in_every_chunking(&say);
}

static void refusals_of_the_session_are_told(void **state)
{
    (void)state;
    struct conversation greeting = {
        .script = "S: 554 go away\n"
                  "E: refused 5.0.0 554 go away\n"
                  "C: QUIT\n"
                  "S: 221 bye\n"
                  "E: close\n",
    };
    struct conversation hello = {
        .options = { .never_esmtp = true },
        .script = "S: babble\nS: 220 mx\n"
                  "E: greeting 2.0.0 babble\n220 mx\n"
                  "C: HELO client.example\n"
                  "S: 550 5.7.1 no\n"
                  "E: refused 5.7.1 550 5.7.1 no\n"
                  "C: QUIT\n"
                  "S: 221 bye\n"
                  "E: close\n",
    };
    in_every_chunking(&greeting);
    in_every_chunking(&hello);
}

static void probe_stops_after_the_recipient(void **state)
{
    (void)state;
    struct conversation say = {
        .transaction = { .size = -1, .probe = true },
        .recipients = { "a@y" },
        .script = "S: 220 mx\n"
                  "E: greeting 2.0.0 220 mx\n"
                  "C: EHLO client.example\n"
                  "S: 250-mx\nS: 250 PIPELINING\n"
                  "C: MAIL FROM:<>\nC: RCPT TO:<a@y>\n"
                  "S: 250 ok\nS: 250 ok\n"
                  "E: mail 2.0.0 250 ok\nE: rcpt 0 2.0.0 250 ok\n"
                  "E: done\n"
                  "C: RSET\nC: QUIT\n"
                  "S: 250 ok\nS: 221 bye\n"
                  "E: rset 2.0.0 250 ok\n"
                  "E: close\n",
    };
    in_every_chunking(&say);
}

static void quit_goes_with_the_end_of_the_last_message(void **state)
{
    (void)state;
    struct conversation say = {
        .transaction = { .size = -1, .last = true },
        .recipients = { "a@y" },
        .content = "x",
        .script = "S: 220 mx\n"
                  "E: greeting 2.0.0 220 mx\n"
                  "C: EHLO client.example\n"
                  "S: 250-mx\nS: 250 PIPELINING\n"
                  "C: MAIL FROM:<>\nC: RCPT TO:<a@y>\nC: DATA\n"
                  "S: 250 ok\nS: 250 ok\nS: 354 go\n"
                  "E: mail 2.0.0 250 ok\nE: rcpt 0 2.0.0 250 ok\n"
                  "E: send\n"
                  "C: x\nC: .\nC: QUIT\n"
                  "S: 250 queued\nS: 221 bye\n"
                  "E: accepted 0 2.0.0 250 queued\n"
                  "E: done\n"
                  "E: close\n",
    };
    struct conversation nobody = {
        .options = { .lmtp = true },
        .transaction = { .size = -1, .last = true },
        .recipients = { "a@y" },
        .script = "S: 220 mx\n"
                  "E: greeting 2.0.0 220 mx\n"
                  "C: LHLO client.example\n"
                  "S: 250-mx\nS: 250 PIPELINING\n"
                  "C: MAIL FROM:<>\nC: RCPT TO:<a@y>\nC: DATA\n"
                  "S: 250 ok\nS: 550 no\nS: 354 go\n"
                  "E: mail 2.0.0 250 ok\nE: rcpt 0 5.0.0 550 no\n"
                  "C: .\nC: QUIT\n"
                  "E: done\n"
                  "S: 221 bye\n"
                  "E: close\n",
    };
    in_every_chunking(&say);
    in_every_chunking(&nobody);
}

static void codes_that_do_not_answer_the_command_are_told(void **state)
{
    (void)state;
    struct conversation say = {
        .transaction = { .size = -1 },
        .recipients = { "a@y", "b@y" },
        .script = "S: 299 mx\n"
                  "E: greeting 2.0.0 299 mx\n"
                  "C: EHLO client.example\n"
                  "S: 450 later\n"
                  "C: HELO client.example\n"
                  "S: 250 mx\n"
                  "C: MAIL FROM:<>\n"
                  "S: 250 ok\n"
                  "E: mail 2.0.0 250 ok\n"
                  "C: RCPT TO:<a@y>\n"
                  "S: 354 go\n"
                  "E: rcpt 0 5.5.0 354 go\n"
                  "C: RCPT TO:<b@y>\n"
                  "S: 200 ok\n"
                  "E: rcpt 1 2.0.0 200 ok\n"
                  "C: DATA\n"
                  "S: 999 what\n"
                  "E: data 5.5.0 999 what\n"
                  "E: done\n"
                  "C: RSET\nC: QUIT\n"
                  "S: 250 ok\nS: 221 bye\n"
                  "E: rset 2.0.0 250 ok\n"
                  "E: close\n",
    };
    in_every_chunking(&say);
}

struct notes {
    struct buf text;
};

static void write_note(void *context, enum smtp_note note, struct str text)
{
    static const char *const names[] = { "said", "heard",    "no reply", "long line",
                                         "long", "bad size", "folded" };
    struct notes *n = context;

    buf_join(&n->text, str_from(names[note]), STR(": "), str_sub(text, 0, 12), STR("\n"));
}

static void what_is_remarkable_is_told(void **state)
{
    (void)state;
    struct notes n = { .text = BUF_INIT(0) };
    struct smtp_client c;
    struct smtp_client_options options = {
        .helo_name = STR("x"), .reply_line_limit = 40, .note = write_note, .context = &n
    };

    smtp_client_init(&c, &options);
    smtp_client_feed(&c, STR("junk\r\n220 \x01\xff\xc3\xa9\r\n"));
    struct smtp_client_event ev = smtp_client_next(&c);
    assert_int_equal(ev.kind, SMTP_CLIENT_GREETING);
    assert_true(str_equal(ev.answer.message, STR("??\xc3\xa9")));
    assert_int_equal(smtp_client_next(&c).kind, SMTP_CLIENT_NEED_INPUT);
    smtp_client_feed(&c,
                     STR("250-mx\r\n250-SIZE huge\r\n250-1234567890123456789012345678901234567890"
                         "\r\n250-DSN\r\n250 SIZE\r\n"));
    assert_int_equal(smtp_client_next(&c).kind, SMTP_CLIENT_READY);
    assert_int_equal(c.offer.extensions, SMTP_EXT_ESMTP | SMTP_EXT_SIZE | SMTP_EXT_DSN);
    assert_int_equal(c.offer.size_limit, 0);
    assert_string_equal(buf_cstr(&n.text), "heard: junk\nno reply: junk\nheard: 220 ??\xc3\xa9\n"
                                           "said: EHLO x\nheard: 250-mx\nheard: 250-SIZE hug\n"
                                           "long line: 250-12345678\nheard: 250-12345678\n"
                                           "long: 250-mx\n250-S\nheard: 250-DSN\n"
                                           "heard: 250 SIZE\nbad size: huge\n");
    smtp_client_fini(&c);
    buf_free(&n.text);
}

static void offers_are_read_from_the_hello_reply(void **state)
{
    (void)state;
    struct smtp_client c;
    struct smtp_client_options options = { .helo_name = STR("x"), .discard = SMTP_EXT_DSN };

    smtp_client_init(&c, &options);
    smtp_client_feed(&c, STR("220 x\r\n"));
    assert_int_equal(smtp_client_next(&c).kind, SMTP_CLIENT_GREETING);
    assert_int_equal(smtp_client_next(&c).kind, SMTP_CLIENT_NEED_INPUT);
    smtp_client_feed(&c, STR("250-x PIPELINING\r\n250-size 35882577\r\n250-AUTH PLAIN "
                             "LOGIN\r\n250-AUTH=LOGIN CRAM-MD5\r\n250-DSN\r\n"
                             "250-XFORWARD NAME SOURCE FOO\r\n250 SMTPUTF8\r\n"));
    assert_int_equal(smtp_client_next(&c).kind, SMTP_CLIENT_READY);
    assert_int_equal(c.offer.extensions, SMTP_EXT_ESMTP | SMTP_EXT_SIZE | SMTP_EXT_AUTH |
                                             SMTP_EXT_XFORWARD | SMTP_EXT_SMTPUTF8);
    assert_int_equal(c.offer.size_limit, 35882577);
    assert_string_equal(buf_cstr(&c.offer.auth), "PLAIN LOGIN CRAM-MD5");
    assert_int_equal(c.offer.xforward, 1u << SMTP_XATTR_NAME | 1u << SMTP_XATTR_SOURCE);
    smtp_client_fini(&c);
}

static void half_done_transaction_is_reset_before_the_next(void **state)
{
    (void)state;
    struct smtp_client c;
    struct smtp_client_options options = { .helo_name = STR("x") };
    struct smtp_offer offer = { .extensions = SMTP_EXT_PIPELINING };
    struct conversation say = { .recipients = { "a@y" } };
    struct smtp_transaction t = {
        .size = -1, .recipients = 1, .recipient = recipient, .context = &say
    };

    smtp_client_resume(&c, &options, &offer);
    assert_int_equal(smtp_client_next(&c).kind, SMTP_CLIENT_READY);
    smtp_client_begin(&c, &t);
    assert_int_equal(smtp_client_next(&c).kind, SMTP_CLIENT_NEED_INPUT);
    smtp_client_sent(&c);
    smtp_client_feed(&c, STR("250 ok\r\n550 no\r\n503 none\r\n"));
    assert_int_equal(smtp_client_next(&c).kind, SMTP_CLIENT_MAIL);
    assert_int_equal(smtp_client_next(&c).kind, SMTP_CLIENT_RCPT);
    assert_int_equal(smtp_client_next(&c).kind, SMTP_CLIENT_DONE);
    assert_true(c.half_done);
    assert_int_equal(smtp_client_next(&c).kind, SMTP_CLIENT_READY);
    smtp_client_begin(&c, &t);
    assert_int_equal(smtp_client_next(&c).kind, SMTP_CLIENT_NEED_INPUT);
    assert_string_equal(buf_cstr(&c.out), "RSET\r\nMAIL FROM:<>\r\nRCPT TO:<a@y>\r\nDATA\r\n");
    smtp_client_fini(&c);
}

static void window_bounds_what_is_sent_ahead(void **state)
{
    (void)state;
    struct smtp_client c;
    struct smtp_client_options options = { .helo_name = STR("x"), .window = 29 };
    struct smtp_offer offer = { .extensions = SMTP_EXT_PIPELINING };
    struct conversation say = { .recipients = { "a@y", "a@y", "a@y", "a@y" } };
    struct smtp_transaction t = {
        .size = -1, .recipients = 4, .recipient = recipient, .context = &say
    };

    smtp_client_resume(&c, &options, &offer);
    assert_int_equal(smtp_client_next(&c).kind, SMTP_CLIENT_READY);
    smtp_client_begin(&c, &t);
    assert_int_equal(smtp_client_next(&c).kind, SMTP_CLIENT_NEED_INPUT);
    assert_string_equal(buf_cstr(&c.out), "MAIL FROM:<>\r\nRCPT TO:<a@y>\r\n");
    smtp_client_sent(&c);
    smtp_client_feed(&c, STR("250 ok\r\n"));
    assert_int_equal(smtp_client_next(&c).kind, SMTP_CLIENT_MAIL);
    assert_int_equal(smtp_client_next(&c).kind, SMTP_CLIENT_NEED_INPUT);
    assert_string_equal(buf_cstr(&c.out), "RCPT TO:<a@y>\r\n");
    assert_int_equal(smtp_client_step(&c), SMTP_STEP_RCPT);
    smtp_client_fini(&c);
}

static void endless_replies_are_given_up(void **state)
{
    (void)state;
    struct smtp_client c;
    struct smtp_client_options options = { .helo_name = STR("x") };
    int rounds = 0;

    smtp_client_init(&c, &options);
    while (smtp_client_next(&c).kind == SMTP_CLIENT_NEED_INPUT) {
        smtp_client_feed(&c, STR("220-more and more and more of the same\r\n"));
        assert_true(rounds++ < 10000);
    }
    assert_true(c.closing);
    assert_int_equal(smtp_client_next(&c).kind, SMTP_CLIENT_CLOSE);
    smtp_client_fini(&c);
}

static void status_texts_are_those_of_the_log(void **state)
{
    (void)state;
    assert_true(str_equal(smtp_step_command(SMTP_STEP_RCPT), STR("RCPT TO command")));
    assert_true(str_equal(smtp_step_doing(SMTP_STEP_DOT),
                          STR("sending end of data -- message may be sent more than once")));
    for (enum smtp_step s = 0; s < SMTP_STEP_COUNT; s++)
        assert_true(smtp_step_doing(s).len && smtp_step_command(s).len);
}

/* Up to the content of a message to one recipient. */
static void reach_content(struct smtp_client *c, const struct smtp_transaction *t)
{
    static const char *const replies[] = { "220 hi\r\n", "250 hello\r\n", "250 ok\r\n",
                                           "250 ok\r\n", "354 go\r\n" };
    struct smtp_client_event ev;

    for (size_t i = 0; (ev = smtp_client_next(c)).kind != SMTP_CLIENT_SEND;) {
        if (ev.kind == SMTP_CLIENT_READY)
            smtp_client_begin(c, t);
        if (ev.kind != SMTP_CLIENT_NEED_INPUT)
            continue;
        assert_true(i < ARRAY_LEN(replies));
        smtp_client_feed(c, str_from(replies[i++]));
    }
}

static void a_server_that_babbles_into_the_content_is_heard_for_one_line(void **state UNUSED)
{
    struct conversation say = { .recipients = { "<a@there.test>" } };
    const struct smtp_client_options options = { .helo_name = STR("me.test"),
                                                 .reply_line_limit = 1000 };
    const struct smtp_transaction t = {
        .sender = STR("<s@here.test>"), .recipients = 1, .recipient = recipient, .context = &say
    };
    struct smtp_client c;
    struct smtp_answer answer;
    char babble[1000];

    memset(babble, 'x', sizeof babble);
    smtp_client_init(&c, &options);
    reach_content(&c, &t);
    assert_false(smtp_client_has_reply(&c));
    smtp_client_feed(&c, (struct str){ babble, sizeof babble });
    assert_false(smtp_client_has_reply(&c));
    smtp_client_feed(&c, STR("x"));
    assert_true(smtp_client_has_reply(&c));
    assert_false(smtp_client_early_reply(&c, &answer));
    smtp_client_fini(&c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(mail_goes_command_by_command_without_pipelining),
        cmocka_unit_test(pipelined_commands_go_together),
        cmocka_unit_test(granted_data_for_nobody_gets_an_empty_message),
        cmocka_unit_test(refused_sender_ends_the_transaction),
        cmocka_unit_test(lmtp_has_a_reply_for_each_accepted_recipient),
        cmocka_unit_test(old_servers_get_helo),
        cmocka_unit_test(tls_starts_the_session_again_and_auth_asks_back),
        cmocka_unit_test(refusals_of_the_session_are_told),
        cmocka_unit_test(probe_stops_after_the_recipient),
        cmocka_unit_test(quit_goes_with_the_end_of_the_last_message),
        cmocka_unit_test(codes_that_do_not_answer_the_command_are_told),
        cmocka_unit_test(what_is_remarkable_is_told),
        cmocka_unit_test(offers_are_read_from_the_hello_reply),
        cmocka_unit_test(half_done_transaction_is_reset_before_the_next),
        cmocka_unit_test(window_bounds_what_is_sent_ahead),
        cmocka_unit_test(endless_replies_are_given_up),
        cmocka_unit_test(status_texts_are_those_of_the_log),
        cmocka_unit_test(a_server_that_babbles_into_the_content_is_heard_for_one_line),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
