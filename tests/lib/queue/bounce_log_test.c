#include "queue/bounce_log.h"
#include "unit.h"

#include <stdlib.h>

#define SAMPLE                                                                            \
    "\n<other@sink.example>: connect to 127.0.0.1[127.0.0.1]:13101: Connection refused\n" \
    "recipient=other@sink.example\noriginal_recipient=alice@example.com\noffset=782\n"    \
    "dsn_orig_rcpt=rfc822;alice@example.com\nstatus=4.4.1\naction=delayed\n"              \
    "reason=connect to 127.0.0.1[127.0.0.1]:13101: Connection refused\n\n"

static const struct bounce_append sample_entry = {
    .recipient = STR("other@sink.example"),
    .orig_rcpt = STR("alice@example.com"),
    .dsn_orcpt = STR("rfc822;alice@example.com"),
    .offset = 782,
    .status = STR("4.4.1"),
    .action = STR("delayed"),
    .reason = STR("connect to 127.0.0.1[127.0.0.1]:13101: Connection refused"),
};

static void assert_str(struct str got, const char *want)
{
    assert_int_equal(got.len, strlen(want));
    if (got.len)
        assert_memory_equal(got.ptr, want, got.len);
}

static void a_block_is_written_as_other_tools_expect_it(void **state)
{
    BUF_AUTO(out, 0);

    (void)state;
    bounce_log_format(&out, &sample_entry, true);
    assert_string_equal(buf_cstr(&out), SAMPLE);
}

static void what_was_written_is_read_back(void **state)
{
    struct str text = STR(SAMPLE SAMPLE);
    struct bounce_append e;

    (void)state;
    for (int i = 0; i < 2; i++) {
        assert_true(bounce_log_take(&text, &e));
        assert_str(e.recipient, "other@sink.example");
        assert_str(e.orig_rcpt, "alice@example.com");
        assert_str(e.reason, "connect to 127.0.0.1[127.0.0.1]:13101: Connection refused");
        assert_int_equal(e.offset, 782);
    }
    assert_false(bounce_log_take(&text, &e));
}

static void lines_of_the_oldest_logs_are_understood(void **state)
{
    struct str text = STR("<a@b>: gone away\n\n\n<>: \nnoise\n");
    struct bounce_append e;

    (void)state;
    assert_true(bounce_log_take(&text, &e));
    assert_str(e.recipient, "a@b");
    assert_str(e.reason, "gone away");
    assert_true(bounce_log_take(&text, &e));
    assert_str(e.recipient, "");
    assert_str(e.reason, "(description unavailable)");
    assert_false(bounce_log_take(&text, &e));
}

static void a_reason_has_no_blank_at_its_end(void **state UNUSED)
{
    static const struct {
        const char *written, *read;
    } rows[] = {
        { "temporary failure. Command output: disk full ",
          "temporary failure. Command output: disk full" },
        { "temporary failure. Command output: \t \v", "temporary failure. Command output:" },
        { " first, not last \n\n", " first, not last" },
        { "", "(description unavailable)" },
        { " \r\n", "(description unavailable)" },
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        for (int old_style = 0; old_style < 2; old_style++) {
            struct bounce_append in = { .recipient = STR("a@b"),
                                        .reason = str_from(rows[i].written) };
            struct bounce_append out;
            BUF_AUTO(text, 0);

            bounce_log_format(&text, &in, old_style);
            struct str rest = buf_str(&text);
            assert_true(bounce_log_take(&rest, &out));
            assert_str(out.reason, rows[i].read);
        }
    }
}

static void the_null_address_survives(void **state)
{
    struct bounce_append in = { .status = STR("5.0.0") }, out;
    BUF_AUTO(text, 0);

    (void)state;
    bounce_log_format(&text, &in, false);
    struct str rest = buf_str(&text);
    assert_true(str_find_str(rest, STR("recipient=<>\n")) != STR_NOT_FOUND);
    assert_true(bounce_log_take(&rest, &out));
    assert_str(out.recipient, "");
    assert_str(out.status, "5.0.0");
}

static void a_line_break_in_a_reason_cannot_forge_a_field(void **state)
{
    struct bounce_append in = { .recipient = STR("a@b"),
                                .reason = STR("x\nstatus=2.0.0\n\nrecipient=c") };
    struct bounce_append out;
    BUF_AUTO(text, 0);

    (void)state;
    bounce_log_format(&text, &in, true);
    struct str rest = buf_str(&text);
    assert_true(bounce_log_take(&rest, &out));
    assert_str(out.status, "");
    assert_str(out.reason, "x status=2.0.0  recipient=c");
    assert_false(bounce_log_take(&rest, &out));
}

static void unknown_names_and_bad_numbers_are_passed_over(void **state)
{
    struct str text = STR("recipient=a\nnovelty=1\noffset=-3\nnotify_flags=99999999999\n");
    struct bounce_append e;

    (void)state;
    assert_true(bounce_log_take(&text, &e));
    assert_int_equal(e.offset, 0);
    assert_int_equal(e.dsn_notify, 0);
}

static void a_very_long_reason_is_cut_and_an_address_is_not(void **state)
{
    char *room = malloc(4 * BOUNCE_LOG_VALUE_MAX);
    struct str text = { room, 4 * BOUNCE_LOG_VALUE_MAX };
    struct bounce_append in = { .recipient = { text.ptr, 2 * RECORD_FACT_MAX + 2 },
                                .reason = text },
                         out;
    BUF_AUTO(log, 0);

    (void)state;
    memset(room, 'x', 4 * BOUNCE_LOG_VALUE_MAX);
    bounce_log_format(&log, &in, true);
    struct str rest = buf_str(&log);
    assert_true(bounce_log_take(&rest, &out));
    assert_int_equal(out.recipient.len, in.recipient.len);
    assert_int_equal(out.reason.len, BOUNCE_LOG_VALUE_MAX);
    free(room);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_block_is_written_as_other_tools_expect_it),
        cmocka_unit_test(what_was_written_is_read_back),
        cmocka_unit_test(lines_of_the_oldest_logs_are_understood),
        cmocka_unit_test(a_reason_has_no_blank_at_its_end),
        cmocka_unit_test(the_null_address_survives),
        cmocka_unit_test(a_line_break_in_a_reason_cannot_forge_a_field),
        cmocka_unit_test(unknown_names_and_bad_numbers_are_passed_over),
        cmocka_unit_test(a_very_long_reason_is_cut_and_an_address_is_not),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
