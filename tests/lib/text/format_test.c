
#include "base/utf8.h"
#include "text/date.h"
#include "text/dsn.h"
#include "text/header.h"
#include "text/hostname.h"
#include "text/xtext.h"
#include "unit.h"

static void dates_read_as_in_received_headers(void **state)
{
    (void)state;
    struct tm t;
    BUF_AUTO(out, 100);

    date_utc(1795290872, &t);
    date_format(&t, 0, STR("UTC"), &out);
    assert_string_equal(buf_cstr(&out), "Sat, 21 Nov 2026 19:54:32 +0000 (UTC)");
    buf_clear(&out);
    date_utc(951782400 + 3600, &t); /* 29 February */
    date_format(&t, -(3 * 3600 + 1800), STR(""), &out);
    assert_string_equal(buf_cstr(&out), "Tue, 29 Feb 2000 01:00:00 -0330");
    buf_clear(&out);
    date_utc(0, &t);
    date_format_ctime(&t, &out);
    assert_string_equal(buf_cstr(&out), "Thu Jan  1 00:00:00 1970");
}

static void utc_fields_agree_with_the_c_library(void **state)
{
    (void)state;
    for (int64_t s = -5000000000; s < 9000000000; s += 86413 * 7) {
        struct tm mine, theirs;
        time_t when = (time_t)s;
        date_utc(s, &mine);
        gmtime_r(&when, &theirs);
        assert_int_equal(mine.tm_year, theirs.tm_year);
        assert_int_equal(mine.tm_yday, theirs.tm_yday);
        assert_int_equal(mine.tm_mday, theirs.tm_mday);
        assert_int_equal(mine.tm_wday, theirs.tm_wday);
        assert_int_equal(mine.tm_hour, theirs.tm_hour);
    }
}

static void enhanced_codes_are_found_in_front_of_text(void **state)
{
    (void)state;
    static const struct {
        const char *text, *status, *rest;
    } cases[] = {
        { "4.2.1 text", "4.2.1", "text" },
        { "  5.7.1   x", "5.7.1", "x" },
        { "2.0.0", "2.0.0", "" },
        { "3.0.0 x", "9.9.9", "3.0.0 x" },
        { "5.7 x", "9.9.9", "5.7 x" },
        { "5.7.1x", "9.9.9", "5.7.1x" },
        { "5.1000.1 x", "9.9.9", "5.1000.1 x" },
        { "", "9.9.9", "" },
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct dsn_split got = dsn_status_split(str_from(cases[i].text), STR("9.9.9"));
        assert_true(str_equal(got.status, str_from(cases[i].status)));
        assert_true(str_equal(got.text, str_from(cases[i].rest)));
    }
}

static void notify_words_combine_except_never(void **state)
{
    (void)state;
    unsigned bits = 99;
    struct str bad;

    assert_true(dsn_notify_parse(STR("success,DELAY,Failure"), &bits, &bad));
    assert_int_equal(bits, DSN_NOTIFY_SUCCESS | DSN_NOTIFY_DELAY | DSN_NOTIFY_FAILURE);
    assert_true(dsn_notify_parse(STR("NEVER"), &bits, &bad));
    assert_false(dsn_notify_parse(STR("NEVER,SUCCESS"), &bits, &bad));
    assert_false(dsn_notify_parse(STR("X"), &bits, &bad));
    assert_true(str_equal(bad, STR("X")));
    assert_false(dsn_notify_parse(STR(""), &bits, NULL));
    assert_int_equal(bits, DSN_NOTIFY_NEVER);
}

static void original_recipient_is_decoded(void **state)
{
    (void)state;
    BUF_AUTO(out, 100);

    assert_true(dsn_orcpt_parse(STR("rfc822;foo+40bar"), false, &out));
    assert_string_equal(buf_cstr(&out), "rfc822;foo@bar");
    assert_false(dsn_orcpt_parse(STR("nosemi"), false, &out));
    assert_false(dsn_orcpt_parse(STR("rfc822;a+0Ab"), false, &out));
    assert_false(dsn_orcpt_parse(STR("rfc822;a b"), false, &out));
    buf_clear(&out);
    dsn_orcpt_format(STR("rfc822;a b+c=d"), false, &out);
    assert_string_equal(buf_cstr(&out), "rfc822;a+20b+2Bc+3Dd");
    buf_clear(&out);
    dsn_orcpt_format(STR("rfc822;m\xc3\xa9"), true, &out);
    assert_string_equal(buf_cstr(&out), "utf-8;m\xc3\xa9");
    buf_clear(&out);
    assert_true(dsn_orcpt_parse(STR("utf-8;m\\x{E9}"), true, &out));
    assert_string_equal(buf_cstr(&out), "utf-8;m\xc3\xa9");
}

static void utf8_is_checked_to_the_letter(void **state)
{
    (void)state;
    assert_true(utf8_is_valid(STR("plain \xc3\xa9 \xe4\xbd\xa0 \xf0\x9f\x98\x80")));
    assert_false(utf8_is_valid(STR("\xc0\x80")));
    assert_false(utf8_is_valid(STR("\xed\xa0\x80")));
    assert_false(utf8_is_valid(STR("\xf4\x90\x80\x80")));
    assert_false(utf8_is_valid(STR("abc\xe4\xbd")));
    assert_false(utf8_is_valid(STR("\x80")));
    assert_true(utf8_is_ascii(STR("123456789")));
    assert_false(utf8_is_ascii(STR("12345678\xe9")));
    assert_false(utf8_is_ascii(STR("1234\xe9"
                                   "5678")));
}

static void host_names_and_addresses(void **state)
{
    (void)state;
    static const char *const good[] = { "a", "mail.example.test", "x-1.y_z", "1a", "1.a" };
    static const char *const bad[] = { "",   ".",   "a.",      ".a",        "a..b", "-a",
                                       "a-", "a b", "1.2.3.4", "m\xc3\xa9", "a,b" };
    static const char *const v6[] = {
        "::", "::1", "1::", "1:2:3:4:5:6:7:8", "::ffff:1.2.3.4", "fe80::1:2", "1:2:3:4:5:6:7::"
    };
    static const char *const not6[] = {
        "",        ":",         ":::",  "1:2:3", "1:2:3:4:5:6:7:8:9", "12345::", "g::", "1::2::3",
        "::1.2.3", "1.2.3.4::", "::1:", ":1::",  "1:2:3:4:5:6:7:8::"
    };

    for (size_t i = 0; i < ARRAY_LEN(good); i++)
        assert_true(hostname_is_valid(str_from(good[i]), false));
    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        assert_false(hostname_is_valid(str_from(bad[i]), false));
    for (size_t i = 0; i < ARRAY_LEN(v6); i++)
        assert_true(hostname_is_ipv6(str_from(v6[i])));
    for (size_t i = 0; i < ARRAY_LEN(not6); i++)
        if (hostname_is_ipv6(str_from(not6[i])))
            fail_msg("%s", not6[i]);
    assert_true(hostname_is_valid(STR("m\xc3\xa9.example"), true));
    assert_true(hostname_is_ipv4(STR("255.0.10.1")));
    assert_false(hostname_is_ipv4(STR("256.0.0.1")));
    assert_false(hostname_is_ipv4(STR("1.2.3")));
    assert_false(hostname_is_ipv4(STR("1.2.3.4.5")));
    assert_false(hostname_is_ipv4(STR("1.2.3.4.")));
    assert_true(str_equal(hostname_literal_address(STR("[IPv6:::1]")), STR("::1")));
    assert_true(str_equal(hostname_literal_address(STR("[1.2.3.4]")), STR("1.2.3.4")));
    assert_null(hostname_literal_address(STR("[1.2.3]")).ptr);
}

static void header_names_are_known_in_any_case(void **state)
{
    (void)state;
    for (enum header_id id = HEADER_OTHER + 1; id < HEADER_COUNT; id++)
        assert_ptr_equal(header_find(header_by_id(id)->name), header_by_id(id));
    assert_int_equal(header_find(STR("rePLY-to"))->id, HEADER_REPLY_TO);
    assert_null(header_find(STR("X-Other")));
    assert_int_equal(header_by_id(HEADER_RESENT_REPLY_TO)->flags & HEADER_IS_ADDRESS,
                     HEADER_IS_RECIPIENT);
}

static void header_lines_are_told_from_text(void **state)
{
    (void)state;
    struct str name, value;

    assert_int_equal(header_name_length(STR("Subject: x")), 7);
    assert_int_equal(header_name_length(STR("Subject : x")), 7);
    assert_int_equal(header_name_length(STR("From a@b Sat: x")), 0);
    assert_int_equal(header_name_length(STR(": x")), 0);
    assert_int_equal(header_name_length(STR(" Subject: x")), 0);
    assert_int_equal(header_name_length(STR("no colon")), 0);
    assert_true(header_split(STR("To:\t a,\n b"), &name, &value));
    assert_true(str_equal(name, STR("To")) && str_equal(value, STR("a,\n b")));
    BUF_AUTO(out, 100);
    header_unfold(STR("a,\n b\r\n\tc"), &out);
    assert_string_equal(buf_cstr(&out), "a, b\tc");
}

static void xtext_refuses_what_it_never_makes(void **state)
{
    (void)state;
    static const char *const bad[] = { "a b", "a+4", "a+4x", "+", "m\xc3\xa9" };
    BUF_AUTO(out, 100);

    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        assert_false(xtext_decode(str_from(bad[i]), &out));
        assert_int_equal(out.len, 0);
    }
    assert_true(xtext_decode(STR("a+2b+2Bc"), &out));
    assert_string_equal(buf_cstr(&out), "a++c");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(dates_read_as_in_received_headers),
        cmocka_unit_test(utc_fields_agree_with_the_c_library),
        cmocka_unit_test(enhanced_codes_are_found_in_front_of_text),
        cmocka_unit_test(notify_words_combine_except_never),
        cmocka_unit_test(original_recipient_is_decoded),
        cmocka_unit_test(utf8_is_checked_to_the_letter),
        cmocka_unit_test(host_names_and_addresses),
        cmocka_unit_test(header_names_are_known_in_any_case),
        cmocka_unit_test(header_lines_are_told_from_text),
        cmocka_unit_test(xtext_refuses_what_it_never_makes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
