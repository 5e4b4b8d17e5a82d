#include "delivery/copy.h"
#include "helpers.h"
#include "helpers.inc"

#include <errno.h>
#include <stdlib.h>

static void assert_copy(const struct copy_plan *plan, struct str records, enum copy_result want,
                        const char *text)
{
    struct delivery d;
    int fd = memfd_create("copy", MFD_CLOEXEC);
    BUF_AUTO(got, 0);

    message_open(&d, records);
    assert_int_equal(copy_message(&d, plan, fd), want);
    message_close(&d);
    if (text) {
        assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
        while (fd_read(fd, &got, 65536) == IO_OK)
            ;
        assert_str(buf_str(&got), text);
    }
    close(fd);
}

static void a_mailbox_copy_has_separator_headers_and_quoted_from(void **state)
{
    struct copy_plan plan = {
        .flags = COPY_MBOX | COPY_RETURN_PATH | COPY_ORIG_TO | COPY_DELIVERED_TO,
        .sender = STR("a b@x.test"),
        .orig_to = STR("o@x.test"),
        .delivered_to = STR("d@x.test"),
        .now = 1795290843,
    };
    BUF_AUTO(records, 0);

    (void)state;
    put_lines(&records, "Subject: x\n\nFrom me\n From\n.\n");
    record_put(&records, REC_EXTRACTED, STR_NONE);
    assert_copy(&plan, buf_str(&records), COPY_OK,
                "From \"a b\"@x.test  Sat Nov 21 19:54:03 2026\nReturn-Path: <\"a "
                "b\"@x.test>\nX-Original-To: o@x.test\n"
                "Delivered-To: d@x.test\nSubject: x\n\n>From me\n From\n.\n\n");
}

static void the_null_sender_is_the_daemon(void **state)
{
    struct copy_plan plan = { .flags = COPY_FROM_LINE | COPY_RETURN_PATH | COPY_ORIG_TO,
                              .now = 1795290843 };
    BUF_AUTO(records, 0);

    (void)state;
    put_lines(&records, "x\n");
    record_put(&records, REC_EXTRACTED, STR_NONE);
    assert_copy(&plan, buf_str(&records), COPY_OK,
                "From MAILER-DAEMON  Sat Nov 21 19:54:03 2026\nReturn-Path: <>\nx\n");
}

static void dots_and_line_ends_are_as_asked(void **state)
{
    struct copy_plan plan = { .flags = COPY_DOT_STUFF | COPY_BLANK_END, .eol = STR("\r\n") };
    BUF_AUTO(records, 0);

    (void)state;
    put_lines(&records, ".a\nb.\n\n..\n");
    record_put(&records, REC_EXTRACTED, STR_NONE);
    assert_copy(&plan, buf_str(&records), COPY_OK, "..a\r\nb.\r\n\r\n...\r\n\r\n");
}

static void parts_of_a_long_line_are_one_line(void **state)
{
    struct copy_plan plan = { .flags = COPY_QUOTE_FROM | COPY_DOT_STUFF };
    BUF_AUTO(records, 0);

    (void)state;
    record_put(&records, REC_TEXT_PART, STR("long "));
    record_put(&records, REC_TEXT_PART, STR("From "));
    record_put(&records, REC_TEXT, STR(".end"));
    record_put(&records, REC_TEXT_PART, STR("no end"));
    record_put(&records, REC_EXTRACTED, STR_NONE);
    assert_copy(&plan, buf_str(&records), COPY_OK, "long From .end\nno end\n");
}

static void a_damaged_message_is_told_apart(void **state)
{
    struct copy_plan plan = { 0 };
    BUF_AUTO(records, 0);

    (void)state;
    put_lines(&records, "x\n");
    assert_copy(&plan, buf_str(&records), COPY_CORRUPT, NULL); /* no X */
    record_put(&records, REC_RCPT, STR("a@b"));
    assert_copy(&plan, buf_str(&records), COPY_CORRUPT, NULL);
}

static void a_limit_holds_before_anything_is_written(void **state)
{
    struct copy_plan plan = { .max_bytes = 5 };
    BUF_AUTO(records, 0);

    (void)state;
    put_lines(&records, "12345\n");
    record_put(&records, REC_EXTRACTED, STR_NONE);
    errno = 0;
    assert_copy(&plan, buf_str(&records), COPY_WRITE, "");
    plan.max_bytes = 6;
    assert_copy(&plan, buf_str(&records), COPY_OK, "12345\n");
}

static void a_large_message_arrives_whole(void **state)
{
    struct copy_plan plan = { .flags = COPY_BLANK_END };
    BUF_AUTO(records, 0);
    BUF_AUTO(want, 0);
    struct delivery d;
    char line[1001];

    (void)state;
    memset(line, 'x', sizeof line);
    for (int i = 0; i < 300; i++) {
        record_put(&records, REC_TEXT, (struct str){ line, 1000 });
        buf_join(&want, (struct str){ line, 1000 }, STR("\n"));
    }
    buf_addc(&want, '\n');
    record_put(&records, REC_EXTRACTED, STR_NONE);
    message_open(&d, buf_str(&records));
    int fd = memfd_create("copy", MFD_CLOEXEC);
    assert_int_equal(copy_message(&d, &plan, fd), COPY_OK);
    BUF_AUTO(got, 0);
    assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
    while (fd_read(fd, &got, 65536) == IO_OK)
        ;
    assert_true(str_equal(buf_str(&got), buf_str(&want)));
    close(fd);
    message_close(&d);
}

static void a_loop_is_seen_in_the_header_only(void **state)
{
    static const struct {
        const char *text;
        bool looping;
    } cases[] = {
        { "Delivered-To: a@x.test\n\n", true },
        { "Subject: x\ndelivered-to:  A@X.test \n\n", true },
        { "Subject: x\n\nDelivered-To: a@x.test\n", false },
        { "Subject: x\nno header\nDelivered-To: a@x.test\n", false },
        { "X-Delivered-To: a@x.test\n\n", false },
        { "Delivered-To: aa@x.test\n\n", false },
        { "Subject: x\n\tfolded\nDelivered-To: a@x.test\n\n", true },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        BUF_AUTO(records, 0);
        struct delivery d;
        put_lines(&records, cases[i].text);
        record_put(&records, REC_EXTRACTED, STR_NONE);
        message_open(&d, buf_str(&records));
        assert_int_equal(copy_is_looping(&d, STR("a@x.test")), cases[i].looping);
        message_close(&d);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_mailbox_copy_has_separator_headers_and_quoted_from),
        cmocka_unit_test(the_null_sender_is_the_daemon),
        cmocka_unit_test(dots_and_line_ends_are_as_asked),
        cmocka_unit_test(parts_of_a_long_line_are_one_line),
        cmocka_unit_test(a_damaged_message_is_told_apart),
        cmocka_unit_test(a_limit_holds_before_anything_is_written),
        cmocka_unit_test(a_large_message_arrives_whole),
        cmocka_unit_test(a_loop_is_seen_in_the_header_only),
    };

    setenv("TZ", "UTC", 1);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
