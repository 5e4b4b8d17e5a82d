#include "base/netstring.h"
#include "unit.h"

static void a_length_is_judged_before_what_follows_is_read(void **state)
{
    static const struct {
        struct str text;
        enum netstring_head head;
    } cases[] = {
        { STR("1000:"), NETSTRING_LONG },      { STR("999:"), NETSTRING_OK },
        { STR("100"), NETSTRING_MORE },        { STR(""), NETSTRING_MORE },
        { STR("12345678901"), NETSTRING_BAD }, { STR(":"), NETSTRING_BAD },
        { STR("-1:"), NETSTRING_BAD },         { STR("5 :"), NETSTRING_BAD },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct str text = cases[i].text;
        size_t length;
        assert_int_equal(netstring_take_head(&text, 999, &length), cases[i].head);
    }
}

static void what_was_put_is_taken(void **state)
{
    static const struct str contents[] = { STR(""), STR("a"), STR("1:,"), STR("a\0b") };
    BUF_AUTO(out, 0);
    struct str rest, one;

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(contents); i++)
        netstring_put(&out, contents[i]);
    rest = buf_str(&out);
    for (size_t i = 0; i < ARRAY_LEN(contents); i++)
        assert_true(netstring_take(&rest, &one) && str_equal(one, contents[i]));
    assert_int_equal(rest.len, 0);
}

static void what_is_cut_off_is_none(void **state)
{
    struct str whole = STR("5:Hello,"), one;

    (void)state;
    for (size_t n = 0; n < whole.len; n++) {
        struct str part = str_sub(whole, 0, n);
        assert_false(netstring_take(&part, &one));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_length_is_judged_before_what_follows_is_read),
        cmocka_unit_test(what_was_put_is_taken),
        cmocka_unit_test(what_is_cut_off_is_none),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
