#include "table/memcache_wire.h"
#include "unit.h"

static const struct memcache_limits limits = { 64, 100 };

static void requests_are_lines_and_data(void **state)
{
    BUF_AUTO(out, 0);

    (void)state;
    memcache_wire_put_get(&out, STR("k1"));
    memcache_wire_put_set(&out, STR("k1"), 0, 3600, STR("value1"));
    memcache_wire_put_delete(&out, STR("k1"));
    assert_string_equal(buf_cstr(&out), "get k1\r\nset k1 0 3600 6\r\nvalue1\r\ndelete k1\r\n");
}

static void a_value_is_taken_when_all_of_it_has_come(void **state)
{
    static const struct str whole = STR("VALUE k1 0 6\r\nva\r\n12\r\nEND\r\n");
    struct str data, line;

    (void)state;
    for (size_t n = 0; n < whole.len; n++)
        assert_int_equal(memcache_wire_read_value(str_sub(whole, 0, n), &limits, &data, &line),
                         MEMCACHE_MORE);
    assert_int_equal(memcache_wire_read_value(whole, &limits, &data, &line), MEMCACHE_FOUND);
    assert_true(str_equal(data, STR("va\r\n12")));
    assert_int_equal(memcache_wire_read_value(STR("END\r\n"), &limits, &data, &line),
                     MEMCACHE_MISSING);
}

static void what_is_no_answer_is_unexpected(void **state)
{
    static const struct str bad[] = {
        STR("ERROR\r\n"),
        STR("SERVER_ERROR out of memory\r\n"),
        STR("VALUE k1 0\r\n"),
        STR("VALUE k1 0 101\r\n"),
        STR("VALUE k1 0 -1\r\n"),
        STR("VALUE k1 0 2\r\nabcdefghij\r\nEND\r\n"),
        STR("xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"),
    };
    struct str data, line;

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        assert_int_equal(memcache_wire_read_value(bad[i], &limits, &data, &line),
                         MEMCACHE_UNEXPECTED);
}

static void a_key_has_no_blanks_and_controls(void **state)
{
    (void)state;
    assert_true(memcache_wire_takes_key(STR("a@b.test")));
    assert_false(memcache_wire_takes_key(STR("")));
    assert_false(memcache_wire_takes_key(STR("a b")));
    assert_false(memcache_wire_takes_key(STR("a\r\ndelete x")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(requests_are_lines_and_data),
        cmocka_unit_test(a_value_is_taken_when_all_of_it_has_come),
        cmocka_unit_test(what_is_no_answer_is_unexpected),
        cmocka_unit_test(a_key_has_no_blanks_and_controls),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
