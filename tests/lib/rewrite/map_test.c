#include "conf/conf.h"
#include "rewrite/map.h"
#include "unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static const char main_cf[] = "compatibility_level = 3.11\n"
                              "inet_interfaces = 127.0.0.1\n"
                              "inet_protocols = ipv4\n"
                              "myhostname = mx.home.test\n"
                              "mydomain = home.test\n"
                              "myorigin = origin.test\n"
                              "mydestination = home.test\n"
                              "recipient_delimiter = +\n";

static struct rewriter *rewriter;
static struct conf *conf; /* site_conf borrows from it */

static int open_rewriter(void **state UNUSED)
{
    char dir[] = "/tmp/relevo-map-XXXXXX", path[64];
    BUF_AUTO(error, 0);

    if (mkdtemp(dir) == NULL)
        return -1;
    (void)snprintf(path, sizeof path, "%s/main.cf", dir);
    FILE *f = fopen(path, "w");
    if (f == NULL || fputs(main_cf, f) < 0 || fclose(f) != 0)
        return -1;
    conf = conf_open(dir, &error);
    if (conf == NULL)
        return -1;
    conf_fill(conf, &site_param_set, &site_conf);
    conf_fill(conf, &table_param_set, &table_conf);
    rewriter = rewrite_open(conf, STR("rewrite"));
    return unlink(path) || rmdir(dir);
}

struct map_case {
    const char *table, *address, *want;
    bool extend;
    int steps;
};

static void addresses_follow_the_table(void **state UNUSED)
{
    static const struct map_case cases[] = {
        { "{a@x.test = b@y.test}", "a@x.test", "b@y.test", false, 1 },
        { "{a@x.test = b@y.test}", "c@x.test", "c@x.test", false, 1 },
        { "{a@x.test = b@y.test} {b@y.test = c@z.test}", "a@x.test", "b@y.test", false, 1 },
        { "{a@x.test = b@y.test} {b@y.test = c@z.test}", "a@x.test", "c@z.test", false, 9 },
        /* a loop ends */
        { "{a@x.test = b@y.test} {b@y.test = a@x.test}", "a@x.test", "a@x.test", false, 100 },
        { "{a@x.test = b@y.test}", "a+ext@x.test", "b@y.test", false, 1 },
        { "{a@x.test = b@y.test}", "a+ext@x.test", "b+ext@y.test", true, 1 },
        { "{@x.test = @y.test}", "a+ext@x.test", "a+ext@y.test", true, 1 },
        { "{a@x.test = short}", "a@x.test", "short@origin.test", false, 1 },
        /* a key without a domain is for our own */
        { "{a = b@y.test}", "a@home.test", "b@y.test", false, 1 },
        { "{a = b@y.test}", "a@origin.test", "b@y.test", false, 1 },
        { "{a = b@y.test}", "a@x.test", "a@x.test", false, 1 },
        /* what is no address changes nothing */
        { "{a@x.test = group:;}", "a@x.test", "a@x.test", false, 1 },
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        BUF_AUTO(spec, 0);
        ARENA_AUTO(arena);
        struct str address = str_from(cases[i].address);
        buf_join(&spec, STR("inline:{"), str_from(cases[i].table), STR("}"));
        struct table_list *tables = table_list_open(buf_str(&spec), "test_maps", TABLE_DEFAULT);
        assert_true(rewrite_map_address(rewriter, tables, cases[i].extend, cases[i].steps, &address,
                                        &arena));
        assert_string_equal(arena_cstr(&arena, address), cases[i].want);
        table_list_close(tables);
    }
}

static void a_table_that_fails_is_told(void **state UNUSED)
{
    ARENA_AUTO(arena);
    struct str address = STR("a@x.test");
    struct table_list *tables = table_list_open(STR("fail:test"), "test_maps", TABLE_DEFAULT);

    assert_false(rewrite_map_address(rewriter, tables, false, 1, &address, &arena));
    assert_true(str_equal(address, STR("a@x.test")));
    table_list_close(tables);
}

static void a_result_is_never_cut(void **state UNUSED)
{
    static const struct {
        size_t length;
        bool taken;
    } cases[] = { { 60000, true }, { 65000, true }, { 66000, false }, { 1000000, false } };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        ARENA_AUTO(arena);
        BUF_AUTO(spec, 0);
        struct str address = STR("a@x.test");
        buf_add(&spec, STR("static:"));
        while (spec.len < cases[i].length)
            buf_addc(&spec, 'b');
        buf_add(&spec, STR("@y.test"));
        struct table_list *tables = table_list_open(buf_str(&spec), "test_maps", TABLE_DEFAULT);
        assert_int_equal(rewrite_map_address(rewriter, tables, false, 1, &address, &arena),
                         cases[i].taken);
        if (cases[i].taken)
            assert_true(str_ends(address, STR("b@y.test")));
        else
            assert_true(str_equal(address, STR("a@x.test")));
        table_list_close(tables);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(addresses_follow_the_table),
        cmocka_unit_test(a_table_that_fails_is_told),
        cmocka_unit_test(a_result_is_never_cut),
    };
    return cmocka_run_group_tests(tests, open_rewriter, NULL);
}
