#include "lib/table/harness.h"
#include "table/proxy.h"

static void a_table_is_approved_as_a_whole_word(void **state UNUSED)
{
    static const struct {
        const char *list, *table;
        bool want;
    } cases[] = {
        { "", "hash:/x", false },
        { "proxy:hash:/x", "hash:/x", true },
        { "a, proxy:hash:/y,proxy:hash:/x", "hash:/x", true },
        { "hash:/x", "hash:/x", false },
        { "proxy:hash:/xy proxy:hash:/", "hash:/x", false },
        { "proxy:inline:{a=b, c=d} x", "inline:{a=b, c=d}", true },
        { "proxy:inline:{a=b, c=d} x", "inline:{a=b", false },
        { "check_client_access proxy:hash:/x, reject", "hash:/x", true },
        { "{ check_client_access { proxy:hash:/x }, default_action=DEFER }", "hash:/x", true },
        { "{ check_client_access hash:/x }", "hash:/x", false },
        { "{{{", "hash:/x", false },
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        bool got = proxy_is_approved(str_from(cases[i].list), str_from(cases[i].table));
        if (got != cases[i].want)
            print_error("list %s\n", cases[i].list);
        assert_int_equal(got, cases[i].want);
    }
}

static void an_approved_table_is_opened_here(void **state UNUSED)
{
    table_conf.proxy_read_maps = STR("proxy:inline:{x=1}");
    assert_lookup("proxy:inline:{x=1}", TABLE_DEFAULT, "X", "1");
}

static void without_a_service_the_reason_is_told(void **state UNUSED)
{
    BUF_AUTO(error, 0);

    site_conf.proxymap_service_name = STR("no-such-service");
    site_conf.queue_directory = STR("/nonexistent");
    table_close(table_open(STR("proxy:inline:{y=1}"), TABLE_QUIET, &error));
    assert_string_equal(buf_cstr(&error),
                        "connect to private/no-such-service: No such file or directory");
    table_conf.proxy_read_maps = STR("proxy:texthash:/nonexistent");
    table_close(table_open(STR("proxy:texthash:/nonexistent"), TABLE_QUIET, &error));
    assert_string_equal(buf_cstr(&error), "open database /nonexistent: No such file or directory");
}

static void the_proxy_itself_asks_nobody(void **state UNUSED)
{
    table_conf.proxy_read_maps = STR("");
    assert_lookup("proxy:inline:{x=1}", TABLE_DEFAULT | TABLE_NO_PROXY, "x", "1");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_table_is_approved_as_a_whole_word),
        cmocka_unit_test(an_approved_table_is_opened_here),
        cmocka_unit_test(without_a_service_the_reason_is_told),
        cmocka_unit_test(the_proxy_itself_asks_nobody),
    };

    return cmocka_run_group_tests(tests, harness_begin, harness_end);
}
