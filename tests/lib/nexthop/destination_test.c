#include "nexthop/destination.h"
#include "unit.h"

#define LMTP true

static const struct {
    const char *text;
    bool lmtp, ok;
    const char *host, *service;
    int port;
    bool direct;
    const char *path;
} cases[] = {
    { "example.com", false, true, "example.com", "", 25, false, "" },
    { "example.com:2525", false, true, "example.com", "2525", 2525, false, "" },
    { "[example.com]", false, true, "example.com", "", 25, true, "" },
    { "[example.com]:smtp", false, true, "example.com", "smtp", 25, true, "" },
    { "[192.0.2.1]:10025", false, true, "192.0.2.1", "10025", 10025, true, "" },
    { "[2001:db8::1]", false, true, "2001:db8::1", "", 25, true, "" },
    { "[ipv6:2001:db8::1]:26", false, true, "ipv6:2001:db8::1", "26", 26, true, "" },
    { "inet:store.test:24", LMTP, true, "store.test", "24", 24, true, "" },
    { "inet:[127.0.0.1]:24", LMTP, true, "127.0.0.1", "24", 24, true, "" },
    { "unix:private/store", LMTP, true, "", "", 25, false, "private/store" },
    { "unix:", LMTP, false, "", "", 0, false, "" },
    { "unix:private/store", false, false, "", "", 0, false, "" },
    { "", false, false, "", "", 0, false, "" },
    { "[]", false, false, "", "", 0, false, "" },
    { "[example.com", false, false, "", "", 0, false, "" },
    { "[example.com]25", false, false, "", "", 0, false, "" },
    { "[example.com]:", false, true, "example.com", "", 25, true, "" },
    { "example.com:", false, true, "example.com", "", 25, false, "" },
    { ":25", false, false, "", "", 0, false, "" },
    { "lmtp:example.com:24", false, false, "", "", 0, false, "" },
    { "lmtp:example.com:24", LMTP, false, "", "", 0, false, "" },
    { "smtp:[example.com]:25", false, false, "", "", 0, false, "" },
    { "smtp:lmtp:host:port", false, false, "", "", 0, false, "" },
    { "unix:private/store:24", false, false, "", "", 0, false, "" },
    { "inet:", LMTP, false, "", "", 0, false, "" },
    { "inet:[unclosed:24", LMTP, false, "", "", 0, false, "" },
    { "[[example.com]]", false, false, "", "", 0, false, "" },
    { "[example.com]:25:26", false, false, "", "", 0, false, "" },
    { "example.com::25", false, false, "", "", 0, false, "" },
    { "example..com", false, false, "", "", 0, false, "" },
    { "[-example.com]", false, false, "", "", 0, false, "" },
    { "bad;name", false, false, "", "", 0, false, "" },
    { "::1", false, false, "", "", 0, false, "" },
    { "[::1]:25", false, true, "::1", "25", 25, true, "" },
    { "[IPv6:::1]", false, true, "IPv6:::1", "", 25, true, "" },
    { "[ipv6:example.com]", false, false, "", "", 0, false, "" },
    { "[ipv6:192.0.2.1]", false, false, "", "", 0, false, "" },
    { "[300.0.2.1]", false, false, "", "", 0, false, "" },
    { "192.0.2.1:26", false, true, "192.0.2.1", "26", 26, false, "" },
    { ",", false, false, "", "", 0, false, "" },
    { "example.com:-1", false, false, "", "", 0, false, "" },
    { "example.com:25x", false, false, "", "", 0, false, "" },
    { "example.com:0", false, false, "", "", 0, false, "" },
    { "example.com:65536", false, false, "", "", 0, false, "" },
    { "example.com:no-such-service", false, false, "", "", 0, false, "" },
};

static void assert_text(struct str got, const char *wanted)
{
    assert_int_equal(got.len, strlen(wanted));
    assert_memory_equal(got.len ? got.ptr : "", wanted, got.len);
}

static void destinations_are_taken_apart(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct destination d = { .port = -7 };
        bool ok = destination_parse(str_from(cases[i].text), cases[i].lmtp, 25, &d);
        print_message("%s\n", cases[i].text);
        assert_int_equal(ok, cases[i].ok);
        if (!ok) {
            assert_int_equal(d.port, -7); /* untouched */
            continue;
        }
        assert_text(d.host, cases[i].host);
        assert_text(d.service, cases[i].service);
        assert_text(d.path, cases[i].path);
        assert_int_equal(d.port, cases[i].port);
        assert_int_equal(d.direct, cases[i].direct);
    }
}

static void a_port_is_written_unless_there_is_a_default(void **state UNUSED)
{
    struct destination d;

    assert_int_equal(destination_port(STR("no-such-service")), 0);
    assert_false(destination_parse(STR("[example.com]"), false, 0, &d));
    assert_true(destination_parse(STR("[example.com]:26"), false, 0, &d));
    assert_int_equal(d.port, 26);
}

static void a_nexthop_is_a_list(void **state)
{
    static const char *const wanted[] = { "a.test", "[b.test]:25", "c.test" };
    struct str list = STR("a.test, [b.test]:25 ,\tc.test "), text;

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(wanted); i++) {
        assert_true(destination_next(&list, &text));
        assert_text(text, wanted[i]);
    }
    assert_false(destination_next(&list, &text));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(destinations_are_taken_apart),
        cmocka_unit_test(a_port_is_written_unless_there_is_a_default),
        cmocka_unit_test(a_nexthop_is_a_list),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
