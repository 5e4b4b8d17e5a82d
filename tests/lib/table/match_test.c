#include "lib/table/harness.h"
#include "table/match.h"

static const char *const names[] = {
    [MATCH_NO] = "no", [MATCH_YES] = "yes", [MATCH_ERROR] = "error"
};

struct match_case {
    const char *list;
    unsigned flags;
    const char *name, *address, *want;
};

static void run(const struct match_case *cases, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        const struct match_case *c = &cases[i];
        struct match_list *l = match_list_open(str_from(c->list), "test_list", c->flags);
        enum match_result got = c->name && c->address
                                    ? match_host_address(l, str_from(c->name), str_from(c->address))
                                : c->name ? match_domain(l, str_from(c->name))
                                          : match_address(l, str_from(c->address));
        if (strcmp(names[got], c->want) != 0)
            print_error("list \"%s\", name %s, address %s:\n", c->list, c->name, c->address);
        assert_string_equal(names[got], c->want);
        match_list_close(l);
    }
}

static void domains(void **state UNUSED)
{
    static const struct match_case cases[] = {
        { "example.com, other", 0, "Example.COM", NULL, "yes" },
        { "m\xc3\xbcnchen.test", 0, "M\xc3\x9cNCHEN.test", NULL, "yes" },
        { ".M\xc3\x9cNCHEN.test", 0, "a.m\xc3\xbcnchen.TEST", NULL, "yes" },
        { "example.com", 0, "a.example.com", NULL, "no" },
        { ".example.com", 0, "a.example.com", NULL, "yes" },
        { ".example.com", 0, "example.com", NULL, "no" },
        { "example.com", MATCH_SUBDOMAINS, "a.b.example.com", NULL, "yes" },
        { "example.com", MATCH_SUBDOMAINS, "badexample.com", NULL, "no" },
        { "!a.example.com example.com", MATCH_SUBDOMAINS, "a.example.com", NULL, "no" },
        { "!a.example.com example.com", MATCH_SUBDOMAINS, "b.example.com", NULL, "yes" },
        { "!!x", 0, "x", NULL, "yes" },
        { "inline:{x=1}", 0, "x", NULL, "yes" },
        { "inline:{.x=1}", 0, "a.x", NULL, "yes" },
        { "inline:{x=1}", 0, "a.x", NULL, "no" },
        { "inline:{x=1}", MATCH_SUBDOMAINS, "a.b.x", NULL, "yes" },
        { "regexp:{{/^x$/ 1}}", MATCH_SUBDOMAINS, "a.x", NULL, "no" },
        { "a, fail:x, b", 0, "a", NULL, "yes" },
        { "a, fail:x, b", 0, "b", NULL, "error" },
        { "/no/such/file", 0, "b", NULL, "error" },
        { "a, /no/such/file", 0, "a", NULL, "yes" },
        { "", 0, "a", NULL, "no" },
    };

    run(cases, ARRAY_LEN(cases));
}

static void addresses(void **state UNUSED)
{
    static const struct match_case cases[] = {
        { "127.0.0.0/8, 10.1.2.3", 0, NULL, "127.9.9.9", "yes" },
        { "127.0.0.0/8, 10.1.2.3", 0, NULL, "10.1.2.3", "yes" },
        { "127.0.0.0/8, 10.1.2.3", 0, NULL, "10.1.2.4", "no" },
        { "[::1], [2001:db8::]/32", 0, NULL, "::1", "yes" },
        { "[::1], [2001:db8::]/32", 0, NULL, "2001:DB8::5", "yes" },
        { "[::1]/128", 0, NULL, "0:0:0:0:0:0:0:1", "yes" },
        { "!10.1.0.0/16 10.0.0.0/8", 0, NULL, "10.1.0.1", "no" },
        { "!10.1.0.0/16 10.0.0.0/8", 0, NULL, "10.2.0.1", "yes" },
        { "10.0.0.1/24", 0, NULL, "10.0.0.1", "error" },
        { "10.0.0.0/40", 0, NULL, "10.0.0.1", "error" },
        { "127.0.0/8", 0, NULL, "127.0.0.1", "error" },
        { "!127.0.0/8 10.0.0.0/8", 0, NULL, "10.0.0.1", "error" },
        { "10.0.0.0/8 127.0.0/8", 0, NULL, "10.0.0.1", "yes" },
        { "[127.0.0]/8", 0, NULL, "127.0.0.1", "error" },
        { "bad.beef/8", 0, NULL, "10.0.0.1", "error" },
        { "1/", 0, NULL, "10.0.0.1", "error" },
        { "[::1]/200", 0, NULL, "10.0.0.1", "no" },
        { "[::1]/200", 0, NULL, "::1", "error" },
        { "127.0.0/8", 0, NULL, "::1", "no" },
        { "127.0.0, 1.2.3.4.5, [::1, 1.2/8x", 0, NULL, "10.0.0.1", "no" },
        { "127.0.0/8", 0, NULL, "unknown", "no" },
        { "name/x", 0, NULL, "10.0.0.1", "no" },
        { "inline:{10.0.0.1=x}", 0, NULL, "10.0.0.1", "yes" },
        { "cidr:{{10.0.0.0/8 x}}", 0, NULL, "10.0.0.1", "yes" },
        { "0.0.0.0/0", 0, NULL, "::1", "no" },
    };

    run(cases, ARRAY_LEN(cases));
}

static void clients(void **state UNUSED)
{
    static const struct match_case cases[] = {
        { "10.0.0.0/8", MATCH_SUBDOMAINS, "host.example", "10.0.0.1", "yes" },
        { "example", MATCH_SUBDOMAINS, "host.example", "10.0.0.1", "yes" },
        { "!10.0.0.1 example", MATCH_SUBDOMAINS, "host.example", "10.0.0.1", "no" },
        { "!host.example 10.0.0.0/8", MATCH_SUBDOMAINS, "host.example", "10.0.0.1", "no" },
        { "inline:{10.0.0.1=x}", 0, "host.example", "10.0.0.1", "yes" },
        { "10.0.0.1/24", 0, "host.example", "10.0.0.1", "error" },
        { "127.0.0/8 host.example", 0, "host.example", "10.0.0.1", "error" },
        { "127.0.0/8 host.example", 0, "host.example", "unknown", "yes" },
    };

    run(cases, ARRAY_LEN(cases));
}

static void files_are_read_in_place(void **state UNUSED)
{
    char list[200];
    struct match_case cases[] = {
        { list, 0, "a", NULL, "yes" }, { list, 0, "b", NULL, "yes" }, { list, 0, "c", NULL, "no" },
        { list, 0, "d", NULL, "no" },  { list, 0, "e", NULL, "yes" },
    };

    write_file("domains", "# comment\na, b\n  !c\nc\n!d\n");
    snprintf(list, sizeof list, "%s d e", scratch_path("domains"));
    run(cases, ARRAY_LEN(cases));
    struct match_case negated = { list, 0, "a", NULL, "no" };
    snprintf(list, sizeof list, "!%s a", scratch_path("domains"));
    run(&negated, 1);
}

static void a_comment_behind_a_pattern_is_one_and_is_warned_of(void **state UNUSED)
{
    char list[200];
    struct match_case cases[] = {
        { list, 0, "a", NULL, "yes" },
        { list, 0, "b", NULL, "yes" },
        { list, 0, "c#d", NULL, "yes" },
        { list, 0, "word", NULL, "no" },
    };

    write_file("commented", "# comment\na # some word, more\nb, #x\nc#d\n");
    snprintf(list, sizeof list, "%s", scratch_path("commented"));
    run(cases, ARRAY_LEN(cases) - 1);
    harness_reset();
    run(&cases[3], 1);
    assert_str(buf_str(&logged),
               "warning: test_list: comment at end of line is not supported: # some word, more?\n"
               "warning: test_list: comment at end of line is not supported: #x \n");
}

static void problems_name_the_parameter(void **state UNUSED)
{
    struct match_case cases[] = {
        { "fail:x", 0, "a", NULL, "error" },
        { "10.0.0.1/24", 0, NULL, "1.2.3.4", "error" },
        { "/no/such", 0, "a", NULL, "error" },
    };

    harness_reset();
    run(cases, ARRAY_LEN(cases));
    assert_str(
        buf_str(&logged),
        "warning: test_list: fail:x: table lookup problem\n"
        "warning: test_list: non-null host address bits in \"10.0.0.1/24\", perhaps you should use "
        "\"10.0.0.0/24\" instead\n"
        "error: open file /no/such: No such file or directory\n"
        "warning: non-existent:/no/such is unavailable. open file /no/such: No such file or "
        "directory\n"
        "warning: test_list: non-existent:/no/such: table lookup problem\n");
}

static void the_parameter_decides_about_subdomains(void **state UNUSED)
{
    site_conf.parent_domain_matches_subdomains = STR("debug_peer_list, mynetworks");
    assert_int_equal(match_flags_for("mynetworks"), MATCH_SUBDOMAINS);
    assert_int_equal(match_flags_for("mydestination"), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(domains),
        cmocka_unit_test(addresses),
        cmocka_unit_test(clients),
        cmocka_unit_test(files_are_read_in_place),
        cmocka_unit_test(a_comment_behind_a_pattern_is_one_and_is_warned_of),
        cmocka_unit_test(problems_name_the_parameter),
        cmocka_unit_test(the_parameter_decides_about_subdomains),
    };

    return cmocka_run_group_tests(tests, harness_begin, harness_end);
}
