#include "conf/own_networks.h"
#include "os/socket.h"
#include "unit.h"

static void styles_shape_the_network(void **state)
{
    static const struct {
        const char *address;
        unsigned prefix;
        const char *style, *network;
    } cases[] = {
        { "192.0.2.77", 26, "host", "192.0.2.77/32" },
        { "192.0.2.77", 26, "subnet", "192.0.2.64/26" },
        { "10.1.2.3", 24, "class", "10.0.0.0/8" },
        { "172.16.9.1", 20, "class", "172.16.0.0/16" },
        { "192.0.2.77", 26, "class", "192.0.2.0/24" },
        { "2001:db8::5", 64, "host", "[2001:db8::5]/128" },
        { "2001:db8::5", 64, "subnet", "[2001:db8::]/64" },
        { "2001:db8::5", 64, "class", "[2001:db8::]/64" },
        { "192.0.2.77", 0, "subnet", "0.0.0.0/0" },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        BUF_AUTO(out, 0);
        struct net_addr a;
        assert_true(net_addr_parse(str_from(cases[i].address), 0, &a));
        for (int twice = 0; twice < 2; twice++) /* the second time it is there already */
            own_network_add(&out, (const void *)&a.ss, cases[i].prefix, str_from(cases[i].style));
        assert_string_equal(buf_cstr(&out), cases[i].network);
    }
}

static void loopback_is_always_ours(void **state)
{
    BUF_AUTO(out, 0);
    BUF_AUTO(error, 0);
    struct own_networks_options o = { STR("127.0.0.1"), STR("ipv4"), STR("host") };

    (void)state;
    assert_true(own_networks_format(&o, &out, &error));
    assert_string_equal(buf_cstr(&out), "127.0.0.1/32");
}

static void an_unknown_style_is_an_error(void **state)
{
    BUF_AUTO(out, 0);
    BUF_AUTO(error, 0);
    struct own_networks_options o = { STR("127.0.0.1"), STR("ipv4"), STR("galaxy") };

    (void)state;
    assert_false(own_networks_format(&o, &out, &error));
    assert_string_equal(buf_cstr(&error), "unknown mynetworks_style value: galaxy");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(styles_shape_the_network),
        cmocka_unit_test(loopback_is_always_ours),
        cmocka_unit_test(an_unknown_style_is_an_error),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
