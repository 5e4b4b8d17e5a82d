#include "base/buf.h"
#include "base/log.h"
#include "nexthop/tls_entry.h"
#include "unit.h"

static struct buf logged;

static void note(enum log_level level, struct str text)
{
    (void)level;
    buf_join(&logged, text, STR("\n"));
}

static int setup(void **state)
{
    (void)state;
    logged = (struct buf){ 0 };
    log_set_sink(note);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    log_set_sink(NULL);
    buf_free(&logged);
    return 0;
}

static void attributes_say_what_main_cf_would(void **state)
{
    ARENA_AUTO(a);
    struct tls_entry e;

    (void)state;
    assert_true(tls_entry_parse(STR("Secure match=a.test:.b.test, MATCH=c.test ciphers=high "
                                    "{ exclude = aNULL, RC4 } protocols=TLSv1.2:TLSv1.3 "
                                    "servername=hostname tafile=/a tafile=/b connection_reuse=no "
                                    "connection_reuse=yes"),
                                STR(""), &a, &e));
    assert_int_equal(e.level, TLS_SECURE);
    assert_true(str_equal(e.match, STR("a.test .b.test c.test ")));
    assert_true(str_equal(e.ciphers, STR("high")));
    assert_true(str_equal(e.exclude, STR("aNULL, RC4")));
    assert_true(str_equal(e.protocols, STR("TLSv1.2:TLSv1.3")));
    assert_true(str_equal(e.servername, STR("hostname")));
    assert_true(str_equal(e.anchors, STR("/a /b ")));
    assert_int_equal(e.reuse, TLS_YES);
    assert_int_equal(e.raw_key, TLS_UNSAID);
    assert_int_equal(logged.len, 0);
}

static void fingerprints_keep_their_colons(void **state)
{
    ARENA_AUTO(a);
    struct tls_entry e;

    (void)state;
    assert_true(tls_entry_parse(STR("fingerprint match=AA:BB|CC:DD match=EE"), STR(""), &a, &e));
    assert_true(str_equal(e.match, STR("AA:BB CC:DD EE ")));
}

static void an_sts_policy_is_kept_whole(void **state)
{
    ARENA_AUTO(a);
    struct tls_entry e;

    (void)state;
    assert_true(tls_entry_parse(
        STR("secure match=mx1.example.com servername=hostname policy_type=sts "
            "policy_domain=example.com policy_ttl=86400 { policy_string = version: STSv1 } "
            "{ policy_string = mode: enforce } mx_host_pattern=mx1.example.com "
            "mx_host_pattern=*.example.net policy_failure=validation-failure"),
        STR(""), &a, &e));
    assert_true(str_equal(e.sts.type, STR("sts")));
    assert_true(str_equal(e.sts.domain, STR("example.com")));
    assert_true(str_equal(e.sts.ttl, STR("86400")));
    assert_true(str_equal(e.sts.strings, STR("version: STSv1\nmode: enforce\n")));
    assert_true(str_equal(e.sts.patterns, STR("mx1.example.com *.example.net ")));
    assert_true(str_equal(e.sts.failure, STR("validation-failure")));
}

static const struct {
    const char *entry, *line;
} bad[] = {
    { "", "invalid empty policy" },
    { " , ", "invalid empty policy" },
    { "strong", "invalid security level \"strong\"" },
    { "half-dane", "invalid security level \"half-dane\"" },
    { "halfdane", "invalid security level \"halfdane\"" },
    { "encrypt ciphers", "malformed attribute/value pair \"ciphers\": missing '=' after attribute "
                         "name" },
    { "encrypt =x", "malformed attribute/value pair \"=x\": missing attribute name" },
    { "encrypt ciphers=", "attribute \"ciphers\" has empty value" },
    { "secure match=", "attribute \"match\" has empty value" },
    { "secure tafile=", "attribute \"tafile\" has empty value" },
    { "encrypt ciphers=high ciphers=high", "attribute \"ciphers\" is specified multiple times" },
    { "encrypt exclude= exclude=x", "attribute \"exclude\" is specified multiple times" },
    { "may protocols=x protocols=y", "attribute \"protocols\" is specified multiple times" },
    { "may servername=a.b servername=a.b", "attribute \"servername\" is specified multiple times" },
    { "encrypt match=a.test", "attribute \"match\" invalid at security level \"encrypt\"" },
    { "dane match=a.test", "attribute \"match\" invalid at security level \"dane\"" },
    { "fingerprint tafile=/x", "attribute \"tafile\" invalid at security level \"fingerprint\"" },
    { "may servername=a_b..c", "\"servername=a_b..c\" specifies an invalid hostname" },
    { "may connection_reuse=maybe", "attribute \"connection_reuse\" has bad value: \"maybe\"" },
    { "may enable_rpk=1", "attribute \"enable_rpk\" has bad value: \"1\"" },
    { "may color=red", "invalid attribute name: \"color\"" },
    { "secure policy_type=dane", "attribute \"policy_type\" has an unexpected value: \"dane\"" },
    { "secure policy_type=sts policy_ttl=1d", "attribute \"policy_ttl\" has a malformed value: "
                                              "\"1d\"" },
    { "secure policy_type=sts policy_domain=a..b",
      "attribute \"policy_domain\" has a malformed value: \"a..b\"" },
    { "secure policy_type=sts policy_failure=bad",
      "attribute \"policy_failure\" has an unexpected value: \"bad\"" },
    { "secure policy_ttl=86400",
      "built-in policy has unexpected attribute policy_ttl, policy_domain, policy_string, "
      "mx_host_pattern or policy_failure" },
};

static void mistakes_are_named(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        ARENA_AUTO(a);
        BUF_AUTO(wanted, 0);
        struct tls_entry e;
        buf_clear(&logged);
        buf_join(&wanted, STR("warning: here: "), str_from(bad[i].line), STR("\n"));
        assert_false(tls_entry_parse(str_from(bad[i].entry), STR("here: "), &a, &e));
        assert_string_equal(buf_cstr(&logged), buf_cstr(&wanted));
    }
}

static void nothing_is_wrong_where_tls_is_off(void **state)
{
    ARENA_AUTO(a);
    struct tls_entry e;

    (void)state;
    assert_true(tls_entry_parse(STR("none ciphers=high rubbish"), STR("here: "), &a, &e));
    assert_string_equal(buf_cstr(&logged),
                        "warning: here: ignoring attribute \"ciphers=high\" with TLS disabled\n"
                        "warning: here: ignoring attribute \"rubbish\" with TLS disabled\n");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(attributes_say_what_main_cf_would), TEST(fingerprints_keep_their_colons),
        TEST(an_sts_policy_is_kept_whole),       TEST(mistakes_are_named),
        TEST(nothing_is_wrong_where_tls_is_off),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
