#include "delivery/copy.h"
#include "delivery/delivered_to.h"
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
        assert_int_equal(delivered_to_has(&d, STR("a@x.test")), cases[i].looping);
        message_close(&d);
    }
}

static void a_loop_is_found_among_many(void **state UNUSED)
{
    BUF_AUTO(records, 0);
    struct delivery d;

    for (int i = 0; i < 300; i++) {
        BUF_AUTO(line, 0);
        buf_addf(&line, "Delivered-To: \"u %d\"@X.test\nReceived: x\n", i * 7919 % 300);
        put_lines(&records, buf_cstr(&line));
    }
    record_put(&records, REC_EXTRACTED, STR_NONE);
    message_open(&d, buf_str(&records));
    for (int i = -5; i < 305; i++) {
        BUF_AUTO(address, 0);
        buf_addf(&address, "U %d@x.Test", i);
        assert_int_equal(delivered_to_has(&d, buf_str(&address)), i >= 0 && i < 300);
    }
    message_close(&d);
}

static void who_has_been_everywhere_goes_round(void **state UNUSED)
{
    for (int count = 9999; count <= 10001; count++) {
        BUF_AUTO(records, 0);
        struct delivery d;

        for (int i = 0; i < count; i++)
            put_lines(&records, "Delivered-To: u\n");
        record_put(&records, REC_EXTRACTED, STR_NONE);
        message_open(&d, buf_str(&records));
        assert_true(delivered_to_has(&d, STR("U")));
        assert_int_equal(delivered_to_has(&d, STR("a@x.test")), count > 10000);
        message_close(&d);
    }
}

/* Shapes that are many records for their size. */
static const char *const shapes[] = { "a:\n", "Delivered-To: a\n", "a:\n b\n", "\n", "To: x\n" };

/* What it costs to see whether `members` have had it, and to give each a copy in one of two formats. */
static int64_t cost_of(const char *shape, size_t size, int members)
{
    struct copy_plan plans[] = { { .flags = COPY_MBOX | COPY_DELIVERED_TO },
                                 { .flags = COPY_DELIVERED_TO } };
    int fd = open("/dev/null", O_WRONLY | O_CLOEXEC);
    BUF_AUTO(records, 0);
    struct delivery d;

    while (records.len < size)
        put_lines(&records, shape);
    record_put(&records, REC_EXTRACTED, STR_NONE);
    message_open(&d, buf_str(&records));
    for (int i = 0; i < members; i++) {
        BUF_AUTO(address, 0);
        buf_addf(&address, "m%d@x.test", i);
        (void)delivered_to_has(&d, buf_str(&address));
        assert_int_equal(copy_message(&d, &plans[i % 2], fd), COPY_OK);
    }
    int64_t work = d.content.work;
    message_close(&d);
    close(fd);
    return work;
}

/* Members of a list pay for what they get, not for another look at the message. */
static void a_list_costs_linear_time(void **state UNUSED)
{
    static const size_t mb = 1 << 20;

    for (size_t i = 0; i < ARRAY_LEN(shapes); i++)
        for (size_t size = mb; size <= 4 * mb; size *= 2)
            assert_in_range(cost_of(shapes[i], size, 100), size, 5 * size + 500);
}

static void every_copy_of_a_kept_body_is_whole(void **state UNUSED)
{
    static const char want[] = "Delivered-To: m\nA: b\n\nFrom x\n.\n",
                      quoted[] = "Delivered-To: m\nA: b\n\n>From x\n.\n\n",
                      stuffed[] = "Delivered-To: m\r\nA: b\r\n\r\nFrom x\r\n..\r\n";
    const struct {
        struct copy_plan plan;
        const char *text;
    } kinds[] = {
        { { .flags = COPY_DELIVERED_TO, .delivered_to = STR("m") }, want },
        { { .flags = COPY_DELIVERED_TO | COPY_QUOTE_FROM | COPY_BLANK_END,
            .delivered_to = STR("m") },
          quoted },
        { { .flags = COPY_DELIVERED_TO | COPY_DOT_STUFF,
            .delivered_to = STR("m"),
            .eol = STR("\r\n") },
          stuffed },
    };
    BUF_AUTO(records, 0);
    struct delivery d;

    put_lines(&records, "A: b\n\nFrom x\n.\n");
    record_put(&records, REC_EXTRACTED, STR_NONE);
    message_open(&d, buf_str(&records));
    for (size_t i = 0; i < 4 * ARRAY_LEN(kinds); i++) {
        int fd = memfd_create("copy", MFD_CLOEXEC);
        BUF_AUTO(got, 0);
        assert_int_equal(copy_message(&d, &kinds[i % ARRAY_LEN(kinds)].plan, fd), COPY_OK);
        assert_true(fd_pread_all(fd, &got));
        assert_str(buf_str(&got), kinds[i % ARRAY_LEN(kinds)].text);
        close(fd);
    }
    struct copy_plan limited = kinds[0].plan;
    limited.max_bytes = 20;
    assert_int_equal(copy_message(&d, &limited, -1), COPY_WRITE);
    assert_int_equal(errno, EFBIG);
    message_close(&d);
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
        cmocka_unit_test(a_loop_is_found_among_many),
        cmocka_unit_test(who_has_been_everywhere_goes_round),
        cmocka_unit_test(a_list_costs_linear_time),
        cmocka_unit_test(every_copy_of_a_kept_body_is_whole),
    };

    setenv("TZ", "UTC", 1);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
