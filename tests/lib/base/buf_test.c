#include "base/buf.h"
#include "unit.h"

static void control_characters_are_masked_and_only_they(void **state UNUSED)
{
    static const struct {
        const char *text, *want;
    } cases[] = {
        { "plain text", "plain text" }, { "a\tb\r\n", "a?b??" },
        { "\x7f\x1b[2J", "??[2J" },     { "gr\xc3\xbc\xc3\x9f", "gr\xc3\xbc\xc3\x9f" },
        { "\x80\xff", "\x80\xff" },     { "", "" },
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
        cmocka_unit_test(control_characters_are_masked_and_only_they),
        cmocka_unit_test(formatted_text_stops_at_the_ceiling),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
