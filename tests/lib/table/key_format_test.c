#include "table/key_format.h"
#include "unit.h"

static void a_format_takes_parts_of_the_key(void **state)
{
    static const struct {
        struct str format, key;
        enum key_format_result result;
        const char *text;
    } cases[] = {
        { STR("%s"), STR("a@b.test"), KEY_FORMAT_OK, "a@b.test" },
        { STR("pre-%S%%"), STR("x"), KEY_FORMAT_OK, "pre-x%" },
        { STR("%u|%d"), STR("a@b@c.test"), KEY_FORMAT_OK, "a@b|c.test" },
        { STR("%u"), STR("word"), KEY_FORMAT_OK, "word" },
        { STR("%d"), STR("word"), KEY_FORMAT_LACKS, NULL },
        { STR("%d"), STR("a@"), KEY_FORMAT_LACKS, NULL },
        { STR("%u"), STR("@c.test"), KEY_FORMAT_LACKS, NULL },
        { STR("%d"), STR("@c.test"), KEY_FORMAT_LACKS, NULL },
        { STR("%1.%2"), STR("u@a.b.c"), KEY_FORMAT_OK, "c.b" },
        { STR("%3"), STR("u@a..b.c"), KEY_FORMAT_OK, "a" },
        { STR("%4"), STR("u@a.b.c"), KEY_FORMAT_LACKS, NULL },
        { STR("%1"), STR("u@a.b."), KEY_FORMAT_LACKS, NULL },
        { STR("%1"), STR("word"), KEY_FORMAT_LACKS, NULL },
        { STR("%x"), STR("word"), KEY_FORMAT_BAD, NULL },
        { STR("%"), STR("word"), KEY_FORMAT_BAD, NULL },
        { STR("%0"), STR("word"), KEY_FORMAT_BAD, NULL },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        BUF_AUTO(out, 0);
        assert_int_equal(key_format_expand(cases[i].format, cases[i].key, &out), cases[i].result);
        if (cases[i].text)
            assert_string_equal(buf_cstr(&out), cases[i].text);
    }
}

/* Marks what it was given; a part with a '!' cannot be said. */
static bool bracket(void *context, struct str part, struct buf *out)
{
    (void)context;
    buf_join(out, STR("["), part, STR("]"));
    return !str_has(part, '!');
}

static void only_parts_of_the_key_are_quoted(void **state)
{
    BUF_AUTO(out, 0);

    (void)state;
    assert_int_equal(key_format_expand_quoted(STR("a[b] %u at %d, %%, %1"), STR("x'@y.test"),
                                              bracket, NULL, &out),
                     KEY_FORMAT_OK);
    assert_string_equal(buf_cstr(&out), "a[b] [x'] at [y.test], %, [test]");
    assert_int_equal(key_format_expand_quoted(STR("%s"), STR("a!"), bracket, NULL, &out),
                     KEY_FORMAT_LACKS);
}

static void a_percent_in_the_key_stays_one(void **state)
{
    BUF_AUTO(out, 0);

    (void)state;
    assert_int_equal(key_format_expand(STR("<%s>"), STR("%d%s%%"), &out), KEY_FORMAT_OK);
    assert_string_equal(buf_cstr(&out), "<%d%s%%>");
}

static void a_result_takes_parts_of_value_and_key(void **state)
{
    static const struct {
        struct str format, value, key;
        enum key_format_result result;
        const char *text;
    } cases[] = {
        { STR("%s"), STR("v"), STR("k@d.test"), KEY_FORMAT_OK, "v" },
        { STR("%s-%S"), STR("v"), STR("k@d.test"), KEY_FORMAT_OK, "v-k@d.test" },
        { STR("%u/%U@%D"), STR("box@host"), STR("k@d.test"), KEY_FORMAT_OK, "box/k@d.test" },
        { STR("%d"), STR("box@host"), STR("k@d.test"), KEY_FORMAT_OK, "host" },
        { STR("%d"), STR("box"), STR("k@d.test"), KEY_FORMAT_LACKS, NULL },
        { STR("%D"), STR("box@host"), STR("k"), KEY_FORMAT_LACKS, NULL },
        { STR("smtp:%1"), STR("x"), STR("k@d.test"), KEY_FORMAT_OK, "smtp:test" },
        { STR("%x"), STR("x"), STR("k"), KEY_FORMAT_BAD, NULL },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        BUF_AUTO(out, 0);
        assert_int_equal(
            key_format_expand_result(cases[i].format, cases[i].value, cases[i].key, &out),
            cases[i].result);
        if (cases[i].text)
            assert_string_equal(buf_cstr(&out), cases[i].text);
    }
}

static void formats_are_judged_without_a_key(void **state)
{
    (void)state;
    assert_true(key_format_is_good(STR("%s %u %9 %% %D")));
    assert_false(key_format_is_good(STR("SELECT %x")));
    assert_false(key_format_is_good(STR("100%")));
    assert_false(key_format_is_good(STR("%0")));
    assert_true(key_format_has_parts(STR("%% %u")));
    assert_false(key_format_has_parts(STR("dc=%%")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_format_takes_parts_of_the_key),
        cmocka_unit_test(only_parts_of_the_key_are_quoted),
        cmocka_unit_test(a_percent_in_the_key_stays_one),
        cmocka_unit_test(a_result_takes_parts_of_value_and_key),
        cmocka_unit_test(formats_are_judged_without_a_key),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
