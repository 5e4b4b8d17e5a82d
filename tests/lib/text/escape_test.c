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

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(escapes_are_those_of_c) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
