
#include "base/attr.h"
#include "smtp/haproxy.h"
#include "unit.h"

#define SIGNATURE "\r\n\r\n\0\r\nQUIT\n"

struct accepted {
    struct str header;
    bool proxied;
    const char *client; /* NULL when nobody knows */
    int client_port, server_port;
};

static const struct haproxy_families both = { true, true };

static const struct accepted good[] = {
    { STR("PROXY TCP4 192.0.2.1 192.0.2.2 1234 25\r\n"), true, "192.0.2.1", 1234, 25 },
    { STR("PROXY TCP6 2001:db8::1 2001:db8::2 65535 0\r\n"), true, "2001:db8::1", 65535, 0 },
    { STR("PROXY tcp4 192.0.2.1 192.0.2.2 1234 25 more\n"), true, "192.0.2.1", 1234, 25 },
    { STR("PROXY TCP6 ::ffff:192.0.2.1 ::ffff:192.0.2.2 1234 25\r\n"), true, "192.0.2.1", 1234,
      25 },
    { { SIGNATURE "\x20\x00\x00\x00", 16 }, false, NULL, 0, 0 },
    { { SIGNATURE "\x20\x00\x00\x02xy", 18 }, false, NULL, 0, 0 },
    { { SIGNATURE "\x21\x11\x00\x0c\xc0\x00\x02\x01\xc0\x00\x02\x02\x04\xd2\x00\x19", 28 },
      true,
      "192.0.2.1",
      1234,
      25 },
    { { SIGNATURE "\x21\x11\x00\x0f\xc0\x00\x02\x01\xc0\x00\x02\x02\x04\xd2\x00\x19\x01\x00\x00",
        31 },
      true,
      "192.0.2.1",
      1234,
      25 },
};

static void good_headers_are_taken_and_no_byte_more(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(good); i++) {
        BUF_AUTO(in, 0);
        BUF_AUTO(text, NETADDR_TEXT_MAX);
        struct haproxy h;
        size_t consumed = 0;
        const char *why;
        buf_join(&in, good[i].header, STR("EHLO x\r\n"));
        assert_int_equal(haproxy_parse(buf_str(&in), &both, &consumed, &h, &why), HAPROXY_OK);
        assert_int_equal(consumed, good[i].header.len);
        assert_int_equal(h.proxied, good[i].proxied);
        if (good[i].client == NULL)
            continue;
        netaddr_format(&text, &h.client);
        assert_string_equal(buf_cstr(&text), good[i].client);
        assert_int_equal(h.client_port, good[i].client_port);
        assert_int_equal(h.server_port, good[i].server_port);
    }
}

static void a_part_of_a_good_header_needs_more(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(good); i++) {
        for (size_t n = 0; n < good[i].header.len; n++) {
            struct haproxy h;
            size_t consumed;
            const char *why;
            assert_int_equal(
                haproxy_parse(str_sub(good[i].header, 0, n), &both, &consumed, &h, &why),
                HAPROXY_MORE);
        }
    }
}

static void other_bytes_are_refused_and_told_why(void **state)
{
    static const struct {
        struct str in;
        const char *why;
    } bad[] = {
        { STR("EHLO x\r\n"), "short protocol header" },
        { STR("EHLO a.name.that.is.longer\r\n"), "unrecognized protocol header" },
        { STR("PROXY \r\n"), "bad or missing protocol type" },
        { STR("PROXY UNKNOWN\r\n"), "bad or missing protocol type" },
        { STR("PROXY UDP4 192.0.2.1 192.0.2.2 1234 25\r\n"), "bad or missing protocol type" },
        { STR("PROXY TCP4\r\n"), "bad or missing client address" },
        { STR("PROXY TCP4 2001:db8::1 2001:db8::2 1 2\r\n"), "bad or missing client address" },
        { STR("PROXY TCP6 192.0.2.1 192.0.2.2 1234 25\r\n"), "bad or missing client address" },
        { STR("PROXY TCP4 192.0.2.1 192.0.2.256 1 2\r\n"), "bad or missing server address" },
        { STR("PROXY TCP4 192.0.2.1 192.0.2.2 -1 25\r\n"), "bad or missing client port" },
        { STR("PROXY TCP4 192.0.2.1 192.0.2.2 1234\r\n"), "bad or missing server port" },
        { STR("PROXY TCP4 192.0.2.1 192.0.2.2 1234 65536\r\n"), "bad or missing server port" },
        { { SIGNATURE "\x11\x11\x00\x0c\xc0\x00\x02\x01\xc0\x00\x02\x02\x04\xd2\x00\x19", 28 },
          "unrecognized protocol version" },
        { { SIGNATURE "\x22\x11\x00\x0c\xc0\x00\x02\x01\xc0\x00\x02\x02\x04\xd2\x00\x19", 28 },
          "bad command in proxy header" },
        { { SIGNATURE "\x21\x11\x00\x0b\xc0\x00\x02\x01\xc0\x00\x02\x02\x04\xd2\x00", 27 },
          "short address field" },
        { { SIGNATURE "\x21\x31\x00\x00", 16 }, "unsupported network protocol" },
        { { SIGNATURE "\x21\x00\x00\x00", 16 }, "unsupported network protocol" },
        { { SIGNATURE "\x21\x11\xff\xff", 16 }, "short version 2 protocol header" },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        struct haproxy h;
        size_t consumed;
        const char *why = NULL;
        assert_int_equal(haproxy_parse(bad[i].in, &both, &consumed, &h, &why), HAPROXY_BAD);
        assert_string_equal(why, bad[i].why);
    }
}

static void a_family_that_the_site_does_not_speak_is_refused(void **state)
{
    static const struct haproxy_families six = { .ipv6 = true };
    struct str v2 = { SIGNATURE "\x21\x11\x00\x0c\xc0\x00\x02\x01\xc0\x00\x02\x02\x04\xd2\x00\x19",
                      28 };
    struct haproxy h;
    size_t consumed;
    const char *why;

    (void)state;
    assert_int_equal(haproxy_parse(v2, &six, &consumed, &h, &why), HAPROXY_BAD);
    assert_string_equal(why, "Postfix IPv4 support is disabled");
    assert_int_equal(
        haproxy_parse(STR("PROXY TCP4 192.0.2.1 192.0.2.2 1 25\r\n"), &six, &consumed, &h, &why),
        HAPROXY_BAD);
    assert_string_equal(why, "bad or missing protocol type");
}

static void a_fault_is_shown_with_what_came(void **state)
{
    BUF_AUTO(text, 0);

    (void)state;
    haproxy_format_fault("no", (struct str){ "a\0\\\r\n\xff", 6 }, &text);
    assert_string_equal(buf_cstr(&text), "no: a\\000\\\\\\r\\n\\377");
}

static void an_endless_line_is_refused(void **state)
{
    char line[200];
    struct haproxy h;
    size_t consumed;
    const char *why;

    (void)state;
    memset(line, 'x', sizeof line);
    memcpy(line, "PROXY ", 6);
    assert_int_equal(haproxy_parse((struct str){ line, 106 }, &both, &consumed, &h, &why),
                     HAPROXY_MORE);
    assert_int_equal(haproxy_parse((struct str){ line, 107 }, &both, &consumed, &h, &why),
                     HAPROXY_BAD);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(good_headers_are_taken_and_no_byte_more),
        cmocka_unit_test(a_part_of_a_good_header_needs_more),
        cmocka_unit_test(other_bytes_are_refused_and_told_why),
        cmocka_unit_test(a_family_that_the_site_does_not_speak_is_refused),
        cmocka_unit_test(a_fault_is_shown_with_what_came),
        cmocka_unit_test(an_endless_line_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
