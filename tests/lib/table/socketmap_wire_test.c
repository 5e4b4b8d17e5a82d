#include "table/socketmap_wire.h"
#include "unit.h"

static void a_request_is_one_netstring_of_map_and_key(void **state)
{
    BUF_AUTO(out, 0);

    (void)state;
    socketmap_wire_put_request(&out, STR("policy"), STR("a b"));
    assert_true(str_equal(buf_str(&out), STR("10:policy a b,")));
}

static void a_reply_begins_with_its_outcome(void **state)
{
    static const struct {
        struct str content;
        enum socketmap_reply reply;
        struct str rest;
    } cases[] = {
        { STR("OK some value"), SOCKETMAP_OK, STR("some value") },
        { STR("OK "), SOCKETMAP_OK, STR("") },
        { STR("OK"), SOCKETMAP_OK, STR("") },
        { STR("NOTFOUND "), SOCKETMAP_NOT_FOUND, STR("") },
        { STR("TEMP come again"), SOCKETMAP_TEMPORARY, STR("come again") },
        { STR("TIMEOUT slow"), SOCKETMAP_TIMEOUT, STR("slow") },
        { STR("PERM no such map"), SOCKETMAP_PERMANENT, STR("no such map") },
        { STR("ok x"), SOCKETMAP_UNKNOWN, STR("ok x") },
        { STR("OKAY x"), SOCKETMAP_UNKNOWN, STR("OKAY x") },
        { STR(""), SOCKETMAP_UNKNOWN, STR("") },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct str rest;
        assert_int_equal(socketmap_wire_read_reply(cases[i].content, &rest), cases[i].reply);
        assert_true(str_equal(rest, cases[i].rest));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_request_is_one_netstring_of_map_and_key),
        cmocka_unit_test(a_reply_begins_with_its_outcome),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
