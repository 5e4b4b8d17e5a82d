#include "text/macro.h"
#include "unit.h"

static void assert_str(struct str got, const char *want)
{
    BUF_AUTO(copy, 0);

    buf_add(&copy, got);
    assert_string_equal(buf_cstr(&copy), want);
}

static bool value_of(const void *context, struct str name, struct str *value)
{
    (void)context;
    if (str_equal(name, STR("user")))
        *value = STR("bob");
    else if (str_equal(name, STR("evil")))
        *value = STR("a;rm -rf\n$x");
    else if (str_equal(name, STR("empty")))
        *value = STR_NONE;
    else
        return false;
    return true;
}

static const struct macro_source source = { value_of, NULL, { NULL, 0 } };

static void names_expand_in_all_their_forms(void **state)
{
    static const struct {
        const char *text, *want;
    } cases[] = {
        { "plain", "plain" },
        { "$user", "bob" },
        { "${user}/$(user).x", "bob/bob.x" },
        { "$user-x", "bob-x" },
        { "$$user $$", "$user $" },
        { "${user?yes}${empty?no}", "yes" },
        { "${user:no}${empty:yes}", "yes" },
        { "${empty?{a}:{b}}${user?{ c }:{d}}", "bc" },
        { "${user?<$user>}", "<bob>" },
        { "${user?{${empty:{x}}}}", "x" },
        { "a$empty/b", "a/b" },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        BUF_AUTO(out, 0);
        assert_true(macro_expand(str_from(cases[i].text), &source, &out, NULL));
        assert_str(buf_str(&out), cases[i].want);
    }
}

static void bad_text_is_refused(void **state)
{
    static const char *const cases[] = { "$nosuch",   "${user",       "$", "${}", "$(user",
                                         "${user!x}", "${user?{a}:b}" };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        BUF_AUTO(out, 0);
        assert_false(macro_expand(str_from(cases[i]), &source, &out, NULL));
    }
}

static void the_unknown_name_is_told(void **state)
{
    BUF_AUTO(out, 0);
    struct str bad;

    (void)state;
    assert_false(macro_expand(STR("x${nosuch}"), &source, &out, &bad));
    assert_str(bad, "nosuch");
}

static void nesting_is_bounded(void **state)
{
    BUF_AUTO(text, 0);
    BUF_AUTO(out, 0);

    (void)state;
    for (int i = 0; i < 100; i++)
        buf_add(&text, STR("${user?"));
    buf_add(&text, STR("x"));
    for (int i = 0; i < 100; i++)
        buf_addc(&text, '}');
    assert_false(macro_expand(buf_str(&text), &source, &out, NULL));
}

static void values_are_cleaned_but_not_the_text(void **state)
{
    struct macro_source clean = { value_of, NULL, STR("abcdefghijklmnopqrstuvwxyz") };
    BUF_AUTO(out, 0);

    (void)state;
    assert_true(macro_expand(STR("; $evil"), &clean, &out, NULL));
    assert_str(buf_str(&out), "; a_rm__rf__x");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_expand_in_all_their_forms),
        cmocka_unit_test(bad_text_is_refused),
        cmocka_unit_test(the_unknown_name_is_told),
        cmocka_unit_test(nesting_is_bounded),
        cmocka_unit_test(values_are_cleaned_but_not_the_text),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
