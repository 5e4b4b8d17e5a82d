#include "text/json_write.h"
#include "unit.h"

static void strings_are_what_a_reader_of_json_understands(void **state)
{
    static const struct {
        struct str in, out;
    } cases[] = {
        { STR(""), STR("\"n\": \"\"") },
        { STR("a b"), STR("\"n\": \"a b\"") },
        { STR("\"\\\b\f\n\r\t"), STR("\"n\": \"\\\"\\\\\\b\\f\\n\\r\\t\"") },
        { STR("\0\x1f\x7f"), STR("\"n\": \"\\u0000\\u001F\\u007F\"") },
        { STR("\xc3\xb1"), STR("\"n\": \"\xc3\xb1\"") },
        { STR("\xf1"), STR("\"n\": \"\\u00F1\"") },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        BUF_AUTO(out, 0);
        json_add_member(&out, "n", cases[i].in);
        assert_int_equal(out.len, cases[i].out.len);
        assert_memory_equal(out.ptr, cases[i].out.ptr, out.len);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(strings_are_what_a_reader_of_json_understands),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
