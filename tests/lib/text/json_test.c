#include "text/json.h"
#include "unit.h"

static void members_come_in_their_order(void **state)
{
    struct str rest = STR(
        " { \"a\" : \"x\\u00e9\\n\\\"\" , \"n\":-1.5e3, \"o\":{\"a\":[\"}\",{}]}, \"t\":true } ");
    static const struct {
        const char *name, *value;
        enum json_kind kind;
    } want[] = {
        { "a", "x\xc3\xa9\n\"", JSON_STRING },
        { "n", "-1.5e3", JSON_WORD },
        { "o", "{\"a\":[\"}\",{}]}", JSON_NESTED },
        { "t", "true", JSON_WORD },
    };
    struct json_member m;
    ARENA_AUTO(arena);

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(want); i++) {
        assert_true(json_next(&rest, &arena, &m));
        assert_true(str_equal(m.name, str_from(want[i].name)));
        assert_true(str_equal(m.value, str_from(want[i].value)));
        assert_int_equal(m.kind, want[i].kind);
    }
    assert_false(json_next(&rest, &arena, &m));
    assert_int_equal(rest.len, 0);
}

static void what_is_broken_has_no_members(void **state)
{
    static const char *const broken[] = {
        "",
        "[]",
        "{\"a\":\"x\"",
        "{\"a\":\"x\"} y",
        "{\"a\":\"x\",}",
        "{\"a\":}",
        "{\"a\" \"x\"}",
        "{\"a\":\"\\q\"}",
        "{\"a\":\"\\u12\"}",
        "{\"a\":\"\n\"}",
        "{\"a\":[}",
        "{\"a\":[1}}",
        "{a:\"x\"}",
        "{\"a\":\"x\"\"b\":1}",
    };
    ARENA_AUTO(arena);

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(broken); i++)
        assert_null(json_find(str_from(broken[i]), STR("a"), JSON_STRING, &arena).ptr);
    assert_non_null(json_find(STR("{\"b\":{},\"a\":\"\"}"), STR("a"), JSON_STRING, &arena).ptr);
    assert_null(json_find(STR("{\"a\":1}"), STR("a"), JSON_STRING, &arena).ptr);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(members_come_in_their_order),
        cmocka_unit_test(what_is_broken_has_no_members),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
