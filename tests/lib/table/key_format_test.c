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

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(a_format_takes_parts_of_the_key) };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
