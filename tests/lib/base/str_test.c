#include "base/str.h"
#include "unit.h"

static void a_group_ends_at_the_partner_of_its_bracket(void **state UNUSED)
{
    static const struct {
        const char *text, *inside, *rest; /* inside NULL: refused */
    } cases[] = {
        { "{a}b", "a", "b" },         { "{}", "", "" },       { "{a{b}c} d", "a{b}c", " d" },
        { "(a(b){)c", "a(b){", "c" }, { "{ x }", " x ", "" }, { "{a", NULL, NULL },
        { "{{a}", NULL, NULL },       { "a{b}", NULL, NULL }, { "", NULL, NULL },
        { "}", NULL, NULL },          { "(a}", NULL, NULL },
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct str s = str_from(cases[i].text), inside = STR("untouched");
        assert_int_equal(str_take_group(&s, &inside), cases[i].inside != NULL);
        assert_true(str_equal(inside, str_from(cases[i].inside ? cases[i].inside : "untouched")));
        assert_true(str_equal(s, str_from(cases[i].inside ? cases[i].rest : cases[i].text)));
    }
}

static void a_braced_token_without_an_end_takes_the_rest(void **state UNUSED)
{
    static const struct {
        const char *text, *token, *rest;
        bool braced;
    } cases[] = {
        { " { a b } c", "a b", " c", true }, { "{a b", "a b", "", true },
        { "{a {b}", "a {b", "", true },      { "x{a b}y z", "x{a b}y", " z", false },
        { "x{a b", "x{a b", "", false },
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct str s = str_from(cases[i].text), token;
        bool braced;
        assert_true(str_token_braced(&s, " ", &token, &braced));
        assert_true(str_equal(token, str_from(cases[i].token)));
        assert_true(str_equal(s, str_from(cases[i].rest)));
        assert_int_equal(braced, cases[i].braced);
    }
}

static void a_c_string_is_whole_or_not_made(void **state UNUSED)
{
    char out[5] = "old";

    assert_false(str_to_cstring(STR("12345"), out, sizeof out));
    assert_false(str_to_cstring(STR("a\0b"), out, sizeof out));
    assert_string_equal(out, "old");
    assert_true(str_to_cstring(STR("1234"), out, sizeof out));
    assert_string_equal(out, "1234");
    assert_true(str_to_cstring(STR_NONE, out, sizeof out));
    assert_string_equal(out, "");
    assert_false(str_to_cstring(STR_NONE, out, 0));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_group_ends_at_the_partner_of_its_bracket),
        cmocka_unit_test(a_braced_token_without_an_end_takes_the_rest),
        cmocka_unit_test(a_c_string_is_whole_or_not_made),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
