/* The dialogue as a transcript: what comes in, and what the driver is told, one letter an event. */
#include "base/attr.h"
#include "postscreen/dialogue.h"
#include "unit.h"

static const struct dialogue_rules rules = { .hostname = STR("mx.test"),
                                             .message_size_limit = 1000,
                                             .line_limit = 100,
                                             .command_limit = 20,
                                             .utf8 = true };

static const struct {
    enum dialogue_event_kind kind;
    const char *name;
} names[] = {
    { DIALOGUE_BARE_NEWLINE, "bare" },
    { DIALOGUE_LINE, NULL },
    { DIALOGUE_UNKNOWN, "unknown" },
    { DIALOGUE_PIPELINING, "pipelining" },
    { DIALOGUE_RECIPIENT, NULL },
    { DIALOGUE_REFUSED, "refused" },
    { DIALOGUE_REPLY, "" },
    { DIALOGUE_STARTTLS, "tls" },
    { DIALOGUE_MANY, "many" },
    { DIALOGUE_LONG, "long" },
    { DIALOGUE_CONTENT, "content" },
    { DIALOGUE_CLOSE, "close" },
};

static void note(const struct dialogue_event *ev, struct buf *out)
{
    const char *name = NULL;

    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        if (names[i].kind == ev->kind)
            name = names[i].name;
    if (name == NULL)
        return;
    buf_add_cstr(out, name);
    if (ev->kind == DIALOGUE_BARE_NEWLINE)
        buf_join(out, STR("("), ev->line, STR(")"));
    if (ev->kind == DIALOGUE_UNKNOWN || ev->kind == DIALOGUE_PIPELINING)
        buf_join(out, STR("("), ev->word, STR(","), ev->rest, STR(")"));
    if (ev->is_odd)
        buf_add(out, STR("!"));
    if (ev->reply.code)
        buf_addf(out, "%d " STR_FMT, ev->reply.code, STR_ARG(ev->reply.text));
    buf_add(out, STR("|"));
}

static bool is_over(enum dialogue_event_kind kind)
{
    return kind == DIALOGUE_CLOSE || kind == DIALOGUE_CONTENT || kind == DIALOGUE_LONG ||
           kind == DIALOGUE_MANY;
}

/* `chunk` bytes are read at a time. */
static void play(const struct dialogue_rules *r, unsigned keywords, struct str input, size_t chunk,
                 struct buf *out)
{
    struct dialogue d;
    bool over = false;

    dialogue_init(&d, r);
    d.keywords = keywords;
    d.refusal = (struct smtp_reply){ 450, STR("4.3.2 later") };
    while (input.len && !over) {
        struct str in = str_sub(input, 0, chunk);
        struct dialogue_event ev;
        input = str_skip(input, in.len);
        do {
            ev = dialogue_next(&d, &in);
            note(&ev, out);
            over = is_over(ev.kind);
        } while (ev.kind != DIALOGUE_NEED_INPUT && !over);
    }
    dialogue_fini(&d);
}

static const struct {
    const char *in, *out;
} transcripts[] = {
    { "EHLO x\r\n", "250 mx.test\nSIZE "
                    "1000\nVRFY\nETRN\nENHANCEDSTATUSCODES\n8BITMIME\nDSN\nSMTPUTF8\nCHUNKING|" },
    { "helo  x y\r\nMail From: <a@b> SIZE=1\r\nRCPT TO:<c@d>\r\nQUIT\r\n",
      "250 mx.test|250 2.1.0 Ok|refused450 4.3.2 later|close221 2.0.0 Bye|" },
    { "EHLO\r\nHELO \r\n", "501 Syntax: EHLO hostname|501 Syntax: HELO hostname|" },
    { "RCPT TO:<c@d>\r\nMAIL <a@b>\r\nMAIL FROM:<>\r\nMAIL FROM:<>\r\nRCPT <a>\r\n",
      "503 5.5.1 Error: need MAIL command|501 5.5.4 Syntax: MAIL FROM:<address>|250 2.1.0 Ok|503 "
      "5.5.1 "
      "Error: nested MAIL command|501 5.5.4 Syntax: RCPT TO:<address>|" },
    { "MAIL FROM:<a>\r\nRSET\r\nRCPT TO:<c>\r\n",
      "250 2.1.0 Ok|250 2.0.0 Ok|503 5.5.1 Error: need MAIL command|" },
    { "MAIL FROM:<a>\r\nEHLO\r\nHELO x\r\nRCPT TO:<c>\r\n",
      "250 2.1.0 Ok|501 Syntax: EHLO hostname|250 mx.test|503 5.5.1 Error: need MAIL command|" },
    { "DATA\r\nNOOP\r\n", "content503 5.5.1 Error: need RCPT command|" },
    { "MAIL FROM:<a>\r\nDATA\r\n", "250 2.1.0 Ok|content554 5.5.1 Error: no valid recipients|" },
    { "DATA now\r\n", "content501 5.5.4 Syntax: DATA|" },
    { "BDAT\r\n", "content501 5.5.4 Syntax: BDAT count [LAST]|" },
    { "BDAT 3\r\n", "content554 5.5.1 Error: need MAIL command|" },
    { "VRFY\r\nVRFY x\r\nETRN\r\nETRN x\r\nNOOP x\r\n",
      "501 5.5.4 Syntax: VRFY address|450 4.3.2 later|500 Syntax: ETRN domain|458 Unable to queue "
      "messages|250 2.0.0 Ok|" },
    { "AUTH PLAIN\r\n\r\n", "unknown(AUTH,PLAIN)|502 5.5.2 Error: command not "
                            "recognized|unknown(,)|502 5.5.2 Error: command not recognized|" },
    { "Subject: x\r\n", "unknown(Subject:,x)!|502 5.5.2 Error: command not recognized|" },
    { "\xff\r\n", "unknown(\xff,)!|502 5.5.2 Error: command not recognized|" },
    { "NOOP\n", "bare(NOOP)|250 2.0.0 Ok|" },
    { "STARTTLS\r\n", "502 5.5.1 Error: command not implemented|" },
    { "STARTTLS now\r\n", "501 5.5.4 Syntax: STARTTLS|" },
};

static void lines_are_answered_however_they_come(void **state)
{
    unsigned all = (1U << KEYWORDS) - 1 - (1U << KEYWORD_STARTTLS);

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(transcripts); i++) {
        struct str in = str_from(transcripts[i].in);
        for (size_t chunk = 1; chunk <= in.len; chunk++) {
            BUF_AUTO(out, 0);
            BUF_AUTO(calm, 0);
            play(&rules, all, in, chunk, &out);
            for (struct str rest = buf_str(&out), part; str_token(&rest, "|", &part);)
                if (!str_starts(part, STR("pipelining(")))
                    buf_join(&calm, part, STR("|"));
            assert_string_equal(buf_cstr(&calm), transcripts[i].out);
        }
    }
}

static void who_does_not_wait_is_noticed_but_not_behind_a_chunk(void **state)
{
    BUF_AUTO(out, 0);

    (void)state;
    play(&rules, 0, STR("NOOP\r\nRSET\r\n"), 100, &out);
    assert_string_equal(buf_cstr(&out), "pipelining(NOOP,RSET\r\n)|250 2.0.0 Ok|250 2.0.0 Ok|");
    buf_clear(&out);
    play(&rules, 1U << KEYWORD_CHUNKING, STR("BDAT 2\r\nab"), 100, &out);
    assert_string_equal(buf_cstr(&out), "content554 5.5.1 Error: need MAIL command|");
}

static void a_line_has_its_limit_whole_or_not(void **state)
{
    char line[101];

    (void)state;
    memset(line, 'x', sizeof line);
    for (size_t chunk = 1; chunk < sizeof line; chunk += 9) {
        BUF_AUTO(out, 0);
        play(&rules, 0, (struct str){ line, 100 }, chunk, &out);
        assert_string_equal(buf_cstr(&out),
                            "long421 mx.test Service unavailable - try again later|");
        buf_clear(&out);
        play(&rules, 0, (struct str){ line, 99 }, chunk, &out);
        assert_int_equal(out.len, 0);
    }
}

static void commands_are_counted_and_the_last_word_is_free(void **state)
{
    struct dialogue_rules few = rules;
    BUF_AUTO(out, 0);

    (void)state;
    few.command_limit = 2;
    play(&few, 0, STR("NOOP\r\nx\r\nQUIT\r\n"), 6, &out);
    assert_true(str_ends(buf_str(&out), STR("close221 2.0.0 Bye|")));
    buf_clear(&out);
    play(&few, 0, STR("NOOP\r\nNOOP\r\nNOOP\r\n"), 6, &out);
    assert_true(
        str_ends(buf_str(&out), STR("many421 mx.test Service unavailable - try again later|")));
}

static void tls_must_come_first_where_the_site_says_so(void **state)
{
    struct dialogue_rules strict = rules;
    BUF_AUTO(out, 0);

    (void)state;
    strict.tls_required = true;
    play(&strict, 1U << KEYWORD_STARTTLS, STR("NOOP\r\nMAIL FROM:<>\r\nQUUX\r\nSTARTTLS\r\n"), 1,
         &out);
    assert_string_equal(
        buf_cstr(&out),
        "250 2.0.0 Ok|530 5.7.0 Must issue a STARTTLS command first|unknown(QUUX,)|502 "
        "5.5.2 Error: command not recognized|tls|");
}

/* All of `in`; the kind of the last event that is none of its end. */
static enum dialogue_event_kind hear(struct dialogue *d, struct str in)
{
    enum dialogue_event_kind last = DIALOGUE_NEED_INPUT;

    for (;;) {
        struct dialogue_event ev = dialogue_next(d, &in);
        if (ev.kind == DIALOGUE_NEED_INPUT)
            return last;
        last = ev.kind;
    }
}

static void tls_forgets_what_was_said_before(void **state)
{
    struct dialogue d;

    (void)state;
    dialogue_init(&d, &rules);
    d.keywords = 1U << KEYWORD_STARTTLS;
    (void)hear(&d, STR("EHLO x\r\nMAIL FROM:<a>\r\n"));
    assert_int_equal(hear(&d, STR("RCPT TO:<b>\r\n")), DIALOGUE_REFUSED);
    dialogue_secured(&d);
    assert_null(d.helo.ptr);
    assert_int_equal(d.keywords, 0);
    assert_int_equal(hear(&d, STR("RCPT TO:<b>\r\n")), DIALOGUE_REPLY); /* there is no sender */
    dialogue_fini(&d);
}

static void addresses_are_shown_as_they_are_meant(void **state)
{
    static const struct {
        const char *in, *out;
    } cases[] = {
        { "<a@b>", "a@b" },
        { "a@b", "a@b" },
        { "<>", "" },
        { "<@x,@y:a@b>", "a@b" },
        { "<\"a b\"@c>", "\"a b\"@c" },
        { "<\"a\"@c>", "a@c" },
        { "<a b>", "a b" },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        BUF_AUTO(out, 0);
        dialogue_format_address(str_from(cases[i].in), &out);
        assert_string_equal(buf_cstr(&out), cases[i].out);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lines_are_answered_however_they_come),
        cmocka_unit_test(who_does_not_wait_is_noticed_but_not_behind_a_chunk),
        cmocka_unit_test(a_line_has_its_limit_whole_or_not),
        cmocka_unit_test(commands_are_counted_and_the_last_word_is_free),
        cmocka_unit_test(tls_must_come_first_where_the_site_says_so),
        cmocka_unit_test(tls_forgets_what_was_said_before),
        cmocka_unit_test(addresses_are_shown_as_they_are_meant),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
