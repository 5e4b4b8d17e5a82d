#include "base/buf.h"
#include "unit.h"

static void what_is_not_printable_is_masked_and_nothing_else(void **state UNUSED)
{
    static const struct {
        const char *text, *want;
    } cases[] = {
        { "plain text", "plain text" }, { "a\tb\r\n", "a?b??" },
        { "\x7f\x1b[2J", "??[2J" },     { "gr\xc3\xbc\xc3\x9f", "gr\xc3\xbc\xc3\x9f" },
        { "\x80\xff", "??" },           { "", "" },
        { "a\xc2\x9b b", "a?? b" },     { "a\xe2\x80\xae", "a???" },
        { "\xe2\x80\xa9", "???" },      { "\xe2\x81\xa7", "???" },
        { "\xc0\x8a", "??" },           { "\xf0\x9f\x98\x80", "\xf0\x9f\x98\x80" },
        { "\xe2\x80", "??" },
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        BUF_AUTO(out, 0);
        buf_add_cstr(&out, "\t"); /* what stands there already stays as it is */
        buf_add_printable(&out, str_from(cases[i].text));
        assert_true(str_equal(str_skip(buf_str(&out), 1), str_from(cases[i].want)));
        assert_int_equal(out.ptr[0], '\t');
    }
}

static void formatted_text_stops_at_the_ceiling(void **state UNUSED)
{
    BUF_AUTO(out, 8);

    buf_addf(&out, "%d-%s", 12, "345");
    assert_false(out.full);
    assert_string_equal(buf_cstr(&out), "12-345");
    buf_addf(&out, "%s", "6789");
    assert_true(out.full);
    assert_true(out.len <= 8);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_not_printable_is_masked_and_nothing_else),
        cmocka_unit_test(formatted_text_stops_at_the_ceiling),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
