#include "table/tcp_wire.h"
#include "unit.h"

static void a_request_quotes_what_a_line_cannot_hold(void **state)
{
    static const struct {
        struct str key, request;
    } cases[] = {
        { STR("a@b.test"), STR("get a@b.test\n") },
        { STR("a b%c\xc3\xa9"), STR("get a%20b%25c%C3%A9\n") },
        { STR("x\ny\x7f"), STR("get x%0Ay%7F\n") },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        BUF_AUTO(out, 0);
        tcp_wire_put_request(&out, cases[i].key);
        assert_true(str_equal(buf_str(&out), cases[i].request));
    }
}

static void a_reply_is_its_status_and_a_quoted_text(void **state)
{
    static const struct {
        struct str line;
        enum tcp_reply reply;
        struct str value;
    } cases[] = {
        { STR("200 a%20b%2Fc"), TCP_REPLY_FOUND, STR("a b/c") },
        { STR("200 "), TCP_REPLY_FOUND, STR("") },
        { STR("250 x%c3%A9"), TCP_REPLY_FOUND, STR("x\xc3\xa9") },
        { STR("500 none"), TCP_REPLY_NOT_FOUND, STR("old") },
        { STR("400 later"), TCP_REPLY_RETRY, STR("old") },
        { STR("300 what"), TCP_REPLY_BAD_STATUS, STR("old") },
        { STR("junk"), TCP_REPLY_MALFORMED, STR("old") },
        { STR("200"), TCP_REPLY_MALFORMED, STR("old") },
        { STR("20 x y"), TCP_REPLY_MALFORMED, STR("old") },
        { STR("200 x%2"), TCP_REPLY_MALFORMED, STR("old") },
        { STR("200 x%"), TCP_REPLY_MALFORMED, STR("old") },
        { STR("200 x%zz"), TCP_REPLY_MALFORMED, STR("old") },
        { STR(""), TCP_REPLY_MALFORMED, STR("old") },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        BUF_AUTO(value, 0);
        buf_add_cstr(&value, "old");
        assert_int_equal(tcp_wire_read_reply(cases[i].line, &value), cases[i].reply);
        assert_true(str_equal(buf_str(&value), cases[i].value));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_request_quotes_what_a_line_cannot_hold),
        cmocka_unit_test(a_reply_is_its_status_and_a_quoted_text),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
