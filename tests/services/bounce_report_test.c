#include "os/fd.h"
#include "services/bounce/report.h"
#include "unit.h"

#include <fcntl.h>
#include <stdlib.h>

static const struct bounce_append remote = {
    .recipient = STR("luis@far.test"),
    .orig_rcpt = STR("list@home.test"),
    .dsn_orcpt = STR("rfc822;list@home.test"),
    .status = STR("5.1.1"),
    .action = STR("failed"),
    .diag_type = STR("smtp"),
    .diag_text = STR("550 5.1.1 no such user here"),
    .mta_type = STR("dns"),
    .mta_name = STR("mx.far.test"),
    .reason = STR("host mx.far.test[192.0.2.7] said: 550 5.1.1 no such user here (in reply to RCPT "
                  "TO command)"),
};
static const struct bounce_append local = {
    .recipient = STR("\"odd name\"@home.test"),
    .status = STR("4.4.1"),
    .action = STR("delayed"),
    .reason = STR("connect to mx.home.test[192.0.2.9]:25: Connection refused"),
};

static struct report base_report(enum template_kind kind, const struct bounce_append *entries,
                                 size_t count)
{
    return (struct report){
        .kind = kind,
        .hostname = STR("mx.home.test"),
        .mail_name = STR("Postfix"),
        .new_id = STR("NEW1"),
        .queue_id = STR("OLD1"),
        .date = STR("Sat, 21 Nov 2026 19:54:32 +0000 (UTC)"),
        .arrival_date = STR("Sat, 21 Nov 2026 19:00:00 +0000 (UTC)"),
        .retry_until = STR("Thu, 26 Nov 2026 19:00:00 +0000 (UTC)"),
        .boundary = STR("OLD1.1795290872/mx.home.test"),
        .from = STR("Mail Delivery System <MAILER-DAEMON>"),
        .subject = STR("A subject"),
        .charset = STR("us-ascii"),
        .to = STR("ana@home.test"),
        .text = STR("Some text.\n"),
        .sender = STR("ana@home.test"),
        .entries = entries,
        .entry_count = count,
    };
}

/* RELEVO_WRITE_GOLDEN=1 writes the files instead; look at them before they are committed. */
static void compare(const char *name, const struct report *r)
{
    BUF_AUTO(got, 0);
    BUF_AUTO(want, 100000);
    BUF_AUTO(path, 200);

    report_format(r, &got);
    buf_add(&got, STR("Subject: the message\n"));
    report_format_end(r, &got);
    buf_join(&path, STR("golden/bounce/"), str_from(name), STR(".txt"));
    if (getenv("RELEVO_WRITE_GOLDEN")) {
        FD_AUTO(fd, open(buf_cstr(&path), O_WRONLY | O_CREAT | O_TRUNC, 0644));
        assert_true(fd_write_all(fd, buf_str(&got)));
    }
    assert_true(fd_read_file(AT_FDCWD, buf_cstr(&path), &want));
    assert_string_equal(buf_cstr(&got), buf_cstr(&want));
}

static void a_failure_report_looks_as_agreed(void **state)
{
    const struct bounce_append entries[] = { remote, local };
    struct report r = base_report(TEMPLATE_FAILURE, entries, 2);

    (void)state;
    r.envid = STR("e1");
    r.eight_bit = true;
    r.charset = STR("utf-8");
    compare("failure", &r);
}

static void a_delay_report_looks_as_agreed(void **state)
{
    struct report r = base_report(TEMPLATE_DELAY, &local, 1);

    (void)state;
    r.headers_only = true;
    r.references = STR("<a@x> <b@x>");
    r.in_reply_to = STR("<b@x>");
    compare("delay", &r);
}

static void a_success_report_looks_as_agreed(void **state)
{
    struct bounce_append entry = { .recipient = STR("alice@example.com"),
                                   .orig_rcpt = STR("alice"),
                                   .status = STR("2.0.0"),
                                   .action = STR("delivered"),
                                   .reason = STR("delivery via local: delivers to mailbox") };
    struct report r = base_report(TEMPLATE_SUCCESS, &entry, 1);

    (void)state;
    r.headers_only = true;
    r.tls_optional = true;
    compare("success", &r);
}

static void a_copy_for_the_postmaster_looks_as_agreed(void **state)
{
    struct report r = base_report(TEMPLATE_FAILURE, &remote, 1);

    (void)state;
    r.to_postmaster = true;
    r.headers_only = true;
    r.text = STR_NONE;
    compare("postmaster", &r);
}

static void a_report_about_an_internationalised_message_looks_as_agreed(void **state)
{
    struct bounce_append entry = { .recipient = STR("us\xc3\xa9r@far.test"),
                                   .status = STR("5.1.1"),
                                   .reason = STR("n\xc3\xb6") };
    struct report r = base_report(TEMPLATE_FAILURE, &entry, 1);

    (void)state;
    r.utf8 = true;
    r.eight_bit = true;
    compare("utf8", &r);
}

static void strangers_write_no_line_of_a_report(void **state)
{
    struct bounce_append entry = { .recipient = STR("a\nX-Evil: 1@far.test"),
                                   .orig_rcpt = STR("b\r\n\r\nc"),
                                   .dsn_orcpt = STR("rfc822;\nX-Evil: 2\x1b[2J"),
                                   .mta_type = STR("dns"),
                                   .mta_name = STR("x\nX-Evil: 3"),
                                   .diag_type = STR("smtp"),
                                   .diag_text = STR("550\nX-Evil: 4\xff"),
                                   .reason = STR("said: 550\nX-Evil: 5\xc2\x9b") };
    struct report r = base_report(TEMPLATE_FAILURE, &entry, 1);
    BUF_AUTO(out, 0);

    (void)state;
    r.envid = STR("e\nX-Evil: 6");
    r.sender = STR("s\nX-Evil: 7");
    report_format(&r, &out);
    assert_int_equal(str_find_str(buf_str(&out), STR("\nX-Evil")), STR_NOT_FOUND);
    assert_int_equal(str_find(buf_str(&out), 0x1b), STR_NOT_FOUND);
    assert_int_equal(str_find(buf_str(&out), '\xff'), STR_NOT_FOUND);
}

static void long_reasons_are_wrapped(void **state)
{
    BUF_AUTO(out, 0);

    (void)state;
    report_wrap(
        STR("<alice@example.com> (expanded from <alice>): delivery via local: delivers to mailbox"),
        0, &out);
    assert_string_equal(buf_cstr(&out), "<alice@example.com> (expanded from <alice>): delivery via "
                                        "local: delivers to\n    mailbox\n");
    buf_clear(&out);
    report_wrap(STR(" a\nb  c\r\n\nStatus: 2.0.0 "), 0, &out);
    assert_string_equal(buf_cstr(&out), "a b  c   Status: 2.0.0\n");
    buf_clear(&out);
    report_wrap(STR(""), 0, &out);
    assert_string_equal(buf_cstr(&out), "\n");
}

static void notify_decides_who_is_reported(void **state)
{
    static const struct {
        int notify;
        bool failure, delay, success;
    } cases[] = {
        { 0, true, true, true },  { 1, false, false, false }, { 2, false, false, true },
        { 4, true, false, true }, { 8, false, true, true },   { 12, true, true, true },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct bounce_append e = { .dsn_notify = cases[i].notify };
        assert_int_equal(report_wants(TEMPLATE_FAILURE, &e), cases[i].failure);
        assert_int_equal(report_wants(TEMPLATE_DELAY, &e), cases[i].delay);
        assert_int_equal(report_wants(TEMPLATE_SUCCESS, &e), cases[i].success);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(strangers_write_no_line_of_a_report),
        cmocka_unit_test(a_failure_report_looks_as_agreed),
        cmocka_unit_test(a_delay_report_looks_as_agreed),
        cmocka_unit_test(a_success_report_looks_as_agreed),
        cmocka_unit_test(a_copy_for_the_postmaster_looks_as_agreed),
        cmocka_unit_test(a_report_about_an_internationalised_message_looks_as_agreed),
        cmocka_unit_test(long_reasons_are_wrapped),
        cmocka_unit_test(notify_decides_who_is_reported),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
