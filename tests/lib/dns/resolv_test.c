
#include "dns/resolv.h"
#include "unit.h"

static const struct {
    const char *text;
    int timeout_s, attempts;
} cases[] = {
    { "", 5, 2 },
    { "nameserver 127.0.0.1\n", 5, 2 },
    { "nameserver 127.0.0.1\noptions timeout:1 attempts:1\n", 1, 1 },
    { "options attempts:3\noptions\ttimeout:2 ndots:4", 2, 3 },
    { "options timeout:100 attempts:100\n", 30, 5 },
    { "options timeout:99999999999999999999 attempts:0\n", 5, 2 },
    { "options timeout: attempts:x timeout:-1\n", 5, 2 },
    { "# options timeout:1\n; options attempts:1\noptional timeout:1\n", 5, 2 },
};

static void options_say_how_long_name_servers_are_waited_for(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct resolv_patience p = resolv_parse(str_from(cases[i].text));
        if (p.timeout_s != cases[i].timeout_s || p.attempts != cases[i].attempts)
            fail_msg("%s: timeout %d, attempts %d", cases[i].text, p.timeout_s, p.attempts);
    }
}

static void without_the_file_the_defaults_count(void **state)
{
    (void)state;
    struct resolv_patience p = resolv_read("/nonexistent/resolv.conf");
    assert_int_equal(p.timeout_s, 5);
    assert_int_equal(p.attempts, 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(options_say_how_long_name_servers_are_waited_for),
        cmocka_unit_test(without_the_file_the_defaults_count),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
