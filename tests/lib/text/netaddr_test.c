
#include "text/netaddr.h"
#include "unit.h"

static void addresses_are_read_and_written(void **state UNUSED)
{
    static const struct {
        const char *text, *want; /* NULL: refused */
    } cases[] = {
        { "1.2.3.4", "1.2.3.4" },
        { "255.255.255.255", "255.255.255.255" },
        { "::1", "::1" },
        { "2001:DB8:0::0", "2001:db8::" },
        { "::ffff:1.2.3.4", "::ffff:1.2.3.4" },
        { "1.2.3", NULL },
        { "1.2.3.4.5", NULL },
        { "01.2.3.4", NULL },
        { "1.2.3.256", NULL },
        { "1.2.3.4 ", NULL },
        { "", NULL },
        { "fe80::1%eth0", NULL },
        { "[::1]", NULL },
        { ":::", NULL },
        { "0000:0000:0000:0000:0000:0000:0000:0000:0000:0000:0000:0000:0000:0000:0000", NULL },
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct netaddr a;
        BUF_AUTO(text, 0);
        assert_int_equal(netaddr_parse(str_from(cases[i].text), &a), cases[i].want != NULL);
        if (cases[i].want == NULL)
            continue;
        netaddr_format(&text, &a);
        assert_string_equal(buf_cstr(&text), cases[i].want);
    }
}

static void networks_say_what_is_wrong_with_them(void **state UNUSED)
{
    static const struct {
        const char *text, *why;
    } cases[] = {
        { "10.0.0.0/8", "" },
        { "10.0.0.0", "" },
        { "[::1]", "" },
        { "[2001:db8::]/32", "" },
        { "[2001:db8::/32]", "" },
        { "[10.0.0.0]/8", "" },
        { "0.0.0.0/0", "" },
        { "10.0.0.1/24", "non-null host address bits in \"10.0.0.1/24\", perhaps you should use "
                         "\"10.0.0.0/24\" instead" },
        { "[2001:db8::1]/32",
          "non-null host address bits in \"2001:db8::1/32\", perhaps you should use "
          "\"2001:db8::/32\" instead" },
        { "10.0.0.0/33", "bad mask length in \"10.0.0.0/33\"" },
        { "10.0.0.0/99999999999999999999", "bad mask value in \"10.0.0.0/99999999999999999999\"" },
        { "10.0.0.0/-1", "bad mask value in \"10.0.0.0/-1\"" },
        { "10.0.0.0/", "bad mask value in \"10.0.0.0/\"" },
        { "10.0.0.0/x", "bad mask value in \"10.0.0.0/x\"" },
        { "junk", "bad address pattern: \"junk\"" },
        { "127.0.0/8", "bad network value in \"127.0.0/8\"" },
        { "[127.0.0]/8", "bad network value in \"127.0.0/8\"" },
        { "/8", "bad network value in \"/8\"" },
        { "/", "bad mask value in \"/\"" },
        { "1/", "bad mask value in \"1/\"" },
        { "10.0.0.0/8/8", "bad mask value in \"10.0.0.0/8/8\"" },
        { "[::1/64]/3", "bad network value in \"::1/64/3\"" },
        { "[::1]/x", "bad mask value in \"::1/x\"" },
        { "[::1", "missing ']' character after \"[::1\"" },
        { "[::1/64", "missing ']' character after \"[::1/64\"" },
        { "[::1]x", "garbage after \"[::1]\"" },
        { "[[::1]]", "garbage after \"[[::1]\"" },
        { "[]", "bad address pattern: \"\"" },
        { "::1]", "bad address pattern: \"::1]\"" },
        { "", "bad address pattern: \"\"" },
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct netblock n;
        BUF_AUTO(why, 0);
        assert_int_equal(netblock_parse(str_from(cases[i].text), &n, &why),
                         cases[i].why[0] == '\0');
        assert_string_equal(buf_cstr(&why), cases[i].why);
    }
}

static void a_network_holds_its_addresses_only(void **state UNUSED)
{
    static const struct {
        const char *net, *address;
        bool inside;
    } cases[] = {
        { "10.0.0.0/8", "10.255.0.1", true },
        { "10.0.0.0/8", "11.0.0.0", false },
        { "10.0.0.4/31", "10.0.0.5", true },
        { "10.0.0.4/31", "10.0.0.6", false },
        { "10.0.0.5", "10.0.0.5", true },
        { "10.0.0.5", "10.0.0.4", false },
        { "0.0.0.0/0", "1.2.3.4", true },
        { "0.0.0.0/0", "::", false },
        { "2001:db8::/33", "2001:db8:7fff::", true },
        { "2001:db8::/33", "2001:db8:8000::", false },
        { "::/0", "1.2.3.4", false },
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct netblock n;
        struct netaddr a;
        assert_true(netblock_parse(str_from(cases[i].net), &n, NULL));
        assert_true(netaddr_parse(str_from(cases[i].address), &a));
        assert_int_equal(netblock_contains(&n, &a), cases[i].inside);
    }
}

static void a_mapped_address_is_an_ipv4_address(void **state UNUSED)
{
    struct netaddr a, b;

    assert_true(netaddr_parse(STR("::ffff:1.2.3.4"), &a));
    assert_true(netaddr_parse(STR("1.2.3.4"), &b));
    assert_false(netaddr_equal(&a, &b));
    netaddr_unmap(&a);
    assert_true(netaddr_equal(&a, &b));
    netaddr_unmap(&a);
    assert_true(netaddr_equal(&a, &b));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(addresses_are_read_and_written),
        cmocka_unit_test(networks_say_what_is_wrong_with_them),
        cmocka_unit_test(a_network_holds_its_addresses_only),
        cmocka_unit_test(a_mapped_address_is_an_ipv4_address),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
