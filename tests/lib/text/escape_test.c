#include "lib/queue/scratch.h"
#include "text/escape.h"

static void escapes_are_those_of_c(void **state)
{
    static const struct {
        const char *text, *bytes;
        size_t len;
    } cases[] = {
        { "", "", 0 },
        { "abc", "abc", 3 },
        { "\\0", "\0", 1 },
        { "\\a\\b\\f\\n\\r\\t\\v", "\a\b\f\n\r\t\v", 7 },
        { "\\101\\1012", "AA2", 3 },
        { "\\\\", "\\", 1 },
        { "a\\", "a\\", 2 },
        { "\\q", "q", 1 },
        { "\\377x",
          "\xff"
          "x",
          2 },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        BUF_AUTO(out, 0);
        escape_decode(str_from(cases[i].text), &out);
        assert_int_equal(out.len, cases[i].len);
        assert_memory_equal(out.len ? out.ptr : "", cases[i].bytes, cases[i].len);
    }
}

static void what_is_not_printable_is_escaped(void **state)
{
    static const struct {
        struct str bytes;
        const char *text;
    } cases[] = {
        { STR(""), "" },
        { STR("HELO early\r\n"), "HELO early\\r\\n" },
        { { "\0\a\x1b\x7f\xff", 5 }, "\\000\\a\\033\\177\\377" },
        { STR("a\\b"), "a\\\\b" },
        { STR("0123456789"), "0123456789" },
        { STR("0123456789a"), "0123456789" },
        { STR("012345678\n"), "012345678\\" },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        BUF_AUTO(out, 0);
        escape_encode(cases[i].bytes, i < 4 ? 100 : 10, &out);
        assert_string_equal(buf_cstr(&out), cases[i].text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(escapes_are_those_of_c),
                                        cmocka_unit_test(what_is_not_printable_is_escaped) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
