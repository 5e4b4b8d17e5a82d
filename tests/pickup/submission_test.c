#include "pickup/records.h"
#include "pickup/submission.h"

#define LINE_LIMIT 10

static void feed_in_pieces(struct submission_content *c, struct str text, size_t piece,
                           struct buf *out)
{
    for (size_t at = 0; at < text.len; at += piece)
        if (!submission_feed(c, str_sub(text, at, at + piece), out))
            return;
}

/* Every case in chunks of every size: the records do not depend on how stdin comes. */
static void assert_content(const char *input, bool dots, enum submission_crlf crlf,
                           const char *want)
{
    struct str text = str_from(input);

    for (size_t piece = 1; piece <= text.len + 1; piece++) {
        const struct submission_envelope e = { .sender = STR_NONE };
        struct submission_content c;
        BUF_AUTO(out, 0);
        submission_content_init(&c, LINE_LIMIT, 1000);
        c.dot_ends = !dots;
        c.crlf = crlf;
        feed_in_pieces(&c, text, piece, &out);
        assert_true(submission_finish(&c, &e, true, &out));
        assert_records(&out, want);
        submission_content_free(&c);
    }
}

static void lines_become_text_records(void **state)
{
    static const struct {
        const char *input, *want;
    } cases[] = {
        { "", "X\nE\n" },
        { "a: b\n\nc\n", "N a: b\nN\nN c\nX\nE\n" },
        { "a: b\n\nno end", "N a: b\nN\nL no end\nN\nX\nE\n" },
        { "From me\na: b\n", "N a: b\nX\nE\n" },
        { ">From me\na: b\n", "N a: b\nX\nE\n" },
        { "a: b\nFrom x\n", "N a: b\nN From x\nX\nE\n" },
        { "012345678\n", "N 012345678\nX\nE\n" },
        { "0123456789\n", "L 0123456789\nN\nX\nE\n" }, /* a piece is full before its line ends */
        { "0123456789a\n", "L 0123456789\nN a\nX\nE\n" },
        { "0123456789\r\n", "L 0123456789\nN\nX\nE\n" },
        { "\n\n", "N\nN\nX\nE\n" },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        assert_content(cases[i].input, true, SUBMISSION_CRLF_STRIP, cases[i].want);
}

static void a_dot_ends_the_message_unless_dots_are_text(void **state)
{
    (void)state;
    assert_content("a\n.\nb\n", false, SUBMISSION_CRLF_STRIP, "N a\nX\nE\n");
    assert_content("a\r\n.\r\nb\n", false, SUBMISSION_CRLF_STRIP, "N a\nX\nE\n");
    assert_content("a\n.\nb\n", true, SUBMISSION_CRLF_STRIP, "N a\nN .\nN b\nX\nE\n");
    assert_content("0123456789.\nb\n", false, SUBMISSION_CRLF_STRIP,
                   "L 0123456789\nN .\nN b\nX\nE\n");
}

static void the_first_line_decides_about_carriage_returns_in_strict_mode(void **state)
{
    (void)state;
    assert_content("a\r\nb\r\n", true, SUBMISSION_CRLF_LOOK, "N a\nN b\nX\nE\n");
    assert_content("a\nb\r\n", true, SUBMISSION_CRLF_LOOK, "N a\nN b\r\nX\nE\n");
    assert_content("a\r\nb\n", true, SUBMISSION_CRLF_KEEP, "N a\r\nN b\nX\nE\n");
}

static void assert_extracted(const char *input, bool found, const char *want)
{
    struct str text = str_from(input);

    for (size_t piece = 1; piece <= text.len; piece++) {
        const struct submission_envelope e = { .notify_flags = 1 };
        struct submission_content c;
        BUF_AUTO(out, 0);
        BUF_AUTO(shown, 0);
        submission_content_init(&c, LINE_LIMIT, 1000);
        c.extract = true;
        feed_in_pieces(&c, text, piece, &out);
        assert_int_equal(submission_finish(&c, &e, false, &out), found);
        records_show(buf_str(&out), &shown);
        struct str all = buf_str(&shown);
        assert_string_equal(buf_cstr(&shown) + str_find_str(all, STR("\nX\n")) + 3, want);
        submission_content_free(&c);
    }
}

static void recipients_come_from_the_headers(void **state)
{
    static const struct {
        const char *input;
        bool found;
        const char *want;
    } cases[] = {
        { "To: a@b\n\nTo: c@d\n", true, "A notify_flags=1\nR a@b\nE\n" },
        { "To: a@b,\n c@d\nCc: x\n", true,
          "A notify_flags=1\nR a@b\nA notify_flags=1\nR c@d\nA notify_flags=1\nR x\nE\n" },
        { "Bcc: a@b\nSubject: x\n", true, "A notify_flags=1\nR a@b\nE\n" },
        { "TO : g: a@b, c;\n", true, "A notify_flags=1\nR a@b\nA notify_flags=1\nR c\nE\n" },
        { "To: a@b\nResent-To: r@x\n", true, "A notify_flags=1\nR r@x\nE\n" },
        { "To: a@b\nno header\nCc: c@d\n", true, "A notify_flags=1\nR a@b\nE\n" },
        { "To: a-long-name-0123456789@b-long\n", true,
          "A notify_flags=1\nR a-long-name-0123456789@b-long\nE\n" },
        { "Subject: x\n\n", false, "E\n" },
        { "Apparently-To: a@b\n", false, "E\n" },
        { "\nTo: a@b\n", false, "E\n" },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        assert_extracted(cases[i].input, cases[i].found, cases[i].want);
}

static void the_envelope_has_what_the_options_say(void **state)
{
    struct submission_recipients rcpts = { .count = 0 };
    const struct submission_envelope e = {
        .sender = STR("s@x"),
        .full_name = STR(""),
        .envelope_id = STR("id"),
        .verp = STR("+="),
        .encoding = "8bit",
        .ret_flags = 2,
        .notify_flags = 6,
        .trace_flags = SUBMISSION_TRACE_DELIVER,
    };
    BUF_AUTO(out, 0);

    (void)state;
    submission_recipients_add(&rcpts, STR("a@b, \"c d\"@e (comment)"), 100);
    submission_put_envelope(&out, &e, &rcpts);
    assert_records(
        &out,
        "A envelope_id=id\nA ret_flags=2\nA rewrite_context=local\nF\nS s@x\nA encoding=8bit\n"
        "A trace_flags=1024\nV +=\nA notify_flags=6\nR a@b\nA notify_flags=6\nR c d@e\nM\n");
    submission_recipients_free(&rcpts);
}

static void a_probe_names_its_recipients(void **state)
{
    struct submission_recipients rcpts = { .count = 0 };
    BUF_AUTO(out, 0);

    (void)state;
    submission_recipients_add(&rcpts, STR("a@b, \"c d\"@e"), 100);
    submission_put_probe(&out, STR("me"), &rcpts);
    assert_records(&out, "N From: me\nN Subject: probe\nL To:\nN \ta@b,\nN \t\"c d\"@e\nX\nE\n");
    submission_recipients_free(&rcpts);
}

static void too_many_words_in_a_header_are_noticed(void **state)
{
    const struct submission_envelope e = { .sender = STR_NONE };
    struct submission_content c;
    BUF_AUTO(out, 0);

    (void)state;
    submission_content_init(&c, 100, 4);
    c.extract = true;
    assert_true(submission_feed(&c, STR("To: a, b, c, d, e, f\n\n"), &out));
    assert_true(submission_finish(&c, &e, false, &out));
    assert_true(submission_truncated(&c));
    submission_content_free(&c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lines_become_text_records),
        cmocka_unit_test(a_dot_ends_the_message_unless_dots_are_text),
        cmocka_unit_test(the_first_line_decides_about_carriage_returns_in_strict_mode),
        cmocka_unit_test(recipients_come_from_the_headers),
        cmocka_unit_test(the_envelope_has_what_the_options_say),
        cmocka_unit_test(a_probe_names_its_recipients),
        cmocka_unit_test(too_many_words_in_a_header_are_noticed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
