#include "base/log.h"
#include "conf/params.h"
#include "nexthop/tls_policy.h"
#include "unit.h"

static struct buf logged;
static enum tls_level dane_says;

static void note(enum log_level level, struct str text)
{
    (void)level;
    buf_join(&logged, text, STR("\n"));
}

static bool fake_dane(void *context, const struct tls_question *q, struct arena *a,
                      struct tls_policy *p, struct fault *fault)
{
    (void)context;
    (void)q;
    if (dane_says == TLS_UNKNOWN) {
        fault_set(fault, a, "4.7.5", false, "no TLSA records found");
        return false;
    }
    p->level = dane_says;
    return true;
}

static int setup(void **state)
{
    (void)state;
    logged = (struct buf){ 0 };
    log_set_sink(note);
    smtp_tls_conf =
        (struct smtp_tls_params){ .smtp_tls_security_level = STR("may"),
                                  .smtp_tls_enforce_peername = true,
                                  .smtp_tls_enforce_sts_mx_patterns = true,
                                  .smtp_tls_ciphers = STR("medium"),
                                  .smtp_tls_mandatory_ciphers = STR("high"),
                                  .smtp_tls_protocols = STR(">=TLSv1"),
                                  .smtp_tls_mandatory_protocols = STR(">=TLSv1.2"),
                                  .smtp_tls_exclude_ciphers = STR("A"),
                                  .smtp_tls_mandatory_exclude_ciphers = STR("B"),
                                  .smtp_tls_verify_cert_match = STR("hostname"),
                                  .smtp_tls_secure_cert_match = STR("nexthop, dot-nexthop") };
    smtp_conf = (struct smtp_params){ 0 };
    site_conf.myhostname = STR("me.test");
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    log_set_sink(NULL);
    buf_free(&logged);
    return 0;
}

static const struct target_server server = { .name = STR("mx.test"), .port = 25 };

struct result {
    bool ok;
    struct arena arena;
    struct tls_policy policy;
    struct fault fault;
};

static struct result ask_about(struct str destination, struct str domain, bool optional,
                               const struct target_server *who)
{
    struct tls_question q = { destination, domain, who, optional };
    struct result r = { .arena = ARENA_INIT };

    unit_may_leak(true);
    tls_policy_open(false, fake_dane, NULL);
    unit_may_leak(false);
    r.ok = tls_policy_find(&q, &r.arena, &r.policy, &r.fault);
    return r;
}

static struct result ask(const char *destination, const char *domain)
{
    return ask_about(str_from(destination), str_from(domain), false, &server);
}

static void assert_level(struct result *r, enum tls_level level)
{
    assert_true(r->ok);
    assert_int_equal(r->policy.level, level);
    arena_free(&r->arena);
}

static void old_switches_make_a_level(void **state)
{
    struct result r;

    (void)state;
    smtp_tls_conf.smtp_tls_security_level = STR("");
    r = ask("a.test", "a.test");
    assert_level(&r, TLS_NONE);
    smtp_conf.smtp_use_tls = true;
    r = ask("a.test", "a.test");
    assert_level(&r, TLS_MAY);
    smtp_conf.smtp_enforce_tls = true;
    r = ask("a.test", "a.test");
    assert_level(&r, TLS_VERIFY);
    smtp_tls_conf.smtp_tls_enforce_peername = false;
    r = ask("a.test", "a.test");
    assert_level(&r, TLS_ENCRYPT);
}

static const struct {
    const char *key;
    enum tls_level level;
} table_cases[] = {
    { "plain.test", TLS_NONE },       { "a.plain.test", TLS_MAY },
    { "a.dotted.test", TLS_ENCRYPT }, { "b.a.dotted.test", TLS_ENCRYPT },
    { "dotted.test", TLS_MAY },       { "[a.dotted.test]", TLS_MAY },
    { "a.dotted.test:587", TLS_MAY }, { "[relay.test]:587", TLS_SECURE },
    { "PLAIN.test", TLS_NONE },
};

static void the_table_has_destinations_and_their_parents(void **state)
{
    (void)state;
    smtp_tls_conf.smtp_tls_policy_maps =
        STR("inline:{ { plain.test = none }, { .dotted.test = encrypt }, "
            "{ [relay.test]:587 = secure match=x.test } }");
    for (size_t i = 0; i < ARRAY_LEN(table_cases); i++) {
        struct result r = ask(table_cases[i].key, "a.test");
        assert_level(&r, table_cases[i].level);
    }
}

static const struct {
    const char *global, *nexthop, *host;
    enum tls_level level;
} site_cases[] = {
    { "none", "MAY", "", TLS_MAY },
    { "none", "NONE", "may", TLS_NONE },
    { "may", "NONE", "MAY", TLS_NONE },
    { "encrypt", "MAY", "", TLS_ENCRYPT },
    { "encrypt", "", "NONE", TLS_NONE },
    { "may", "must_nopeermatch", "NONE", TLS_ENCRYPT },
    { "may", "MUST", "MUST_NOPEERMATCH", TLS_VERIFY },
    { "verify", "", "", TLS_VERIFY },
};

static void the_stronger_word_of_the_old_table_wins(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(site_cases); i++) {
        BUF_AUTO(map, 0);
        buf_add(&map, STR("inline:{ { other.test = NONE }"));
        if (*site_cases[i].nexthop)
            buf_join(&map, STR(", { a.test = "), str_from(site_cases[i].nexthop), STR("}"));
        if (*site_cases[i].host)
            buf_join(&map, STR(", { mx.test = "), str_from(site_cases[i].host), STR("}"));
        buf_add(&map, STR(" }"));
        smtp_tls_conf.smtp_tls_per_site = buf_str(&map);
        smtp_tls_conf.smtp_tls_security_level = str_from(site_cases[i].global);
        struct result r = ask("a.test", "a.test");
        assert_level(&r, site_cases[i].level);
    }
    smtp_tls_conf.smtp_tls_per_site = STR("inline:{a.test=SOMETIMES}");
    struct result r = ask("a.test", "a.test");
    assert_false(r.ok);
    assert_string_equal(r.fault.text.ptr, "client TLS configuration problem");
    assert_string_equal(buf_cstr(&logged),
                        "warning: smtp_tls_per_site: unknown TLS policy 'SOMETIMES' for next-hop "
                        "destination a.test\n"
                        "warning: TLS policy lookup for a.test/mx.test: client TLS configuration "
                        "problem\n");
    arena_free(&r.arena);
}

static void a_bad_entry_is_a_configuration_problem(void **state)
{
    (void)state;
    smtp_tls_conf.smtp_tls_policy_maps = STR("inline:{ a.test=strong }");
    struct result r = ask("a.test", "a.test");
    assert_false(r.ok);
    assert_string_equal(r.fault.dsn, "4.7.5");
    assert_string_equal(buf_cstr(&logged),
                        "warning: smtp_tls_policy_maps, next-hop destination \"a.test\": invalid "
                        "security level \"strong\"\n"
                        "warning: TLS policy lookup for a.test/mx.test: client TLS configuration "
                        "problem\n");
    arena_free(&r.arena);
}

static void what_matters_less_than_arriving_asks_no_table(void **state)
{
    (void)state;
    smtp_tls_conf.smtp_tls_security_level = STR("secure");
    smtp_tls_conf.smtp_tls_policy_maps = STR("inline:{ a.test=strong }");
    struct result r = ask_about(STR("a.test"), STR("a.test"), true, &server);
    assert_level(&r, TLS_MAY);
    smtp_tls_conf.smtp_tls_wrappermode = true;
    r = ask_about(STR("a.test"), STR("a.test"), true, &server);
    assert_level(&r, TLS_ENCRYPT);
    assert_int_equal(logged.len, 0);
}

static void words_become_names(void **state)
{
    (void)state;
    smtp_tls_conf.smtp_tls_security_level = STR("secure");
    struct result r = ask("[A.test]:25", "A.test");
    assert_true(r.ok);
    assert_true(str_equal(r.policy.names, STR("A.test .A.test ")));
    assert_null(r.policy.servername.ptr);
    arena_free(&r.arena);
    smtp_tls_conf.smtp_tls_policy_maps =
        STR("inline:{ { a.test = verify match=hostname:m\xc3\xbc.test:.m\xc3\xbc.test:. "
            "servername=nexthop } }");
    r = ask("a.test", "a.test");
    assert_true(r.ok);
    assert_true(str_equal(r.policy.names, STR("mx.test xn--m-eha.test .xn--m-eha.test . ")));
    assert_true(str_equal(r.policy.servername, STR("a.test")));
    arena_free(&r.arena);
}

static const struct {
    const char *level, *ciphers, *protocols, *exclude;
} grade_cases[] = {
    { "may", "medium", ">=TLSv1", "A" },
    { "encrypt", "high", ">=TLSv1.2", "A B eNULL" },
    { "secure", "high", ">=TLSv1.2", "A B aNULL" },
    { "dane", "high", ">=TLSv1.2 !SSLv2 !SSLv3", "A B aNULL" },
};

static void grades_depend_on_the_level(void **state)
{
    (void)state;
    dane_says = TLS_DANE;
    for (size_t i = 0; i < ARRAY_LEN(grade_cases); i++) {
        smtp_tls_conf.smtp_tls_security_level = str_from(grade_cases[i].level);
        struct result r = ask("a.test", "a.test");
        assert_true(r.ok);
        assert_true(str_equal(r.policy.ciphers, str_from(grade_cases[i].ciphers)));
        assert_true(str_equal(r.policy.protocols, str_from(grade_cases[i].protocols)));
        assert_true(str_equal(r.policy.exclude, str_from(grade_cases[i].exclude)));
        arena_free(&r.arena);
    }
}

static void dane_settles_the_level(void **state)
{
    (void)state;
    smtp_tls_conf.smtp_tls_security_level = STR("dane-only");
    dane_says = TLS_UNKNOWN;
    struct result r = ask("a.test", "a.test");
    assert_false(r.ok);
    assert_string_equal(buf_cstr(&logged), "warning: TLS policy lookup for a.test/mx.test: no "
                                           "TLSA records found\n");
    arena_free(&r.arena);
    dane_says = TLS_MAY;
    r = ask("a.test", "a.test");
    assert_true(str_equal(r.policy.ciphers, STR("medium")));
    assert_level(&r, TLS_MAY);
}

static void a_path_is_a_destination_of_its_own(void **state)
{
    struct target_server path = { .name = STR("me.test"), .path = STR("/run/lmtp") };

    (void)state;
    smtp_tls_conf.smtp_tls_policy_maps = STR("inline:{ { /run/lmtp = secure } }");
    struct result r = ask_about(STR("unix:/run/lmtp"), STR(""), false, &path);
    assert_true(r.ok);
    assert_true(str_equal(r.policy.names, STR("me.test .me.test ")));
    arena_free(&r.arena);
    smtp_tls_conf.smtp_tls_policy_maps = STR("");
    r = ask_about(STR("unix:/run/lmtp"), STR(""), false, &path);
    assert_level(&r, TLS_NONE);
    assert_string_equal(buf_cstr(&logged),
                        "warning: smtp_connect_local: opportunistic TLS encryption is not "
                        "appropriate for unix-domain destinations.\n");
    buf_clear(&logged);
    smtp_tls_conf.smtp_tls_security_level = STR("dane");
    r = ask_about(STR("unix:/run/lmtp"), STR(""), false, &path);
    assert_false(r.ok);
    assert_non_null(strstr(buf_cstr(&logged),
                           "warning: unix:/run/lmtp: the \"dane\" security level is invalid for "
                           "delivery via unix-domain sockets\n"));
    arena_free(&r.arena);
}

static void wrapper_mode_is_for_mandatory_tls(void **state)
{
    (void)state;
    smtp_tls_conf.smtp_tls_wrappermode = true;
    struct result r = ask("a.test", "a.test");
    assert_false(r.ok);
    assert_int_equal(r.fault.text.len, 0);
    assert_string_equal(buf_cstr(&logged),
                        "warning: smtp_tls_wrappermode requires \"smtp_tls_security_level = "
                        "encrypt\" (or stronger)\n");
    arena_free(&r.arena);
    smtp_tls_conf.smtp_tls_security_level = STR("encrypt");
    r = ask("a.test", "a.test");
    assert_true(r.policy.wrapper);
    assert_level(&r, TLS_ENCRYPT);
}

static void a_fingerprint_level_needs_fingerprints(void **state)
{
    (void)state;
    smtp_tls_conf.smtp_tls_security_level = STR("fingerprint");
    struct result r = ask("[a.test]", "a.test");
    assert_false(r.ok);
    assert_non_null(strstr(buf_cstr(&logged),
                           "warning: nexthop domain [a.test]: configured at fingerprint security "
                           "level, but with no fingerprints to match.\n"));
    arena_free(&r.arena);
    smtp_tls_conf.smtp_tls_fingerprint_cert_match = STR("AA:BB, CC, zz, ABC, :");
    r = ask("a.test", "a.test");
    assert_true(str_equal(r.policy.digests, STR("AA:BB CC ")));
    assert_level(&r, TLS_FINGERPRINT);
}

#define STS "secure match=x.test policy_type=sts servername=hostname "

static void an_sts_policy_limits_the_exchangers(void **state)
{
    static const struct target_server deep = { .name = STR("a.b.Mx.test"), .port = 25 };

    (void)state;
    smtp_tls_conf.smtp_tls_policy_maps = STR("inline:{ { a.test = " STS "mx_host_pattern=no.test "
                                             "mx_host_pattern=*.b.mx.test } }");
    struct result r = ask("a.test", "a.test");
    assert_false(r.ok);
    assert_int_equal(r.fault.text.len, 0);
    assert_string_equal(buf_cstr(&logged),
                        "warning: MX name 'mx.test' does not match STS MX pattern for 'a.test'\n");
    arena_free(&r.arena);
    r = ask_about(STR("a.test"), STR("a.test"), false, &deep);
    assert_true(r.ok);
    assert_true(str_equal(r.policy.names, STR("a.b.Mx.test ")));
    arena_free(&r.arena);
    smtp_tls_conf.smtp_tls_enforce_sts_mx_patterns = false;
    r = ask("a.test", "a.test");
    assert_true(str_equal(r.policy.names, STR("x.test ")));
    assert_level(&r, TLS_SECURE);
}

static unsigned sts_questions;

static void fake_sts(struct str domain, struct buf *entry)
{
    sts_questions++;
    if (str_equal(domain, STR("sts.test")))
        buf_add(entry, STR("secure match=mx.test servername=hostname policy_type=sts "
                           "policy_domain=sts.test policy_ttl=1 mx_host_pattern=mx.test"));
}

static struct result ask_with_sts(const char *destination, const char *domain, bool optional)
{
    tls_policy_use_sts(fake_sts);
    struct result r = ask_about(str_from(destination), str_from(domain), optional, &server);
    tls_policy_use_sts(NULL);
    return r;
}

static void an_sts_policy_comes_last(void **state)
{
    struct result r = ask_with_sts("sts.test", "sts.test", false);

    (void)state;
    assert_true(str_equal(r.policy.names, STR("mx.test ")));
    assert_true(str_equal(r.policy.sts.type, STR("sts")));
    assert_level(&r, TLS_SECURE);
    r = ask_with_sts("other.test", "other.test", false);
    assert_level(&r, TLS_MAY);
    assert_int_equal(sts_questions, 2);
    /* Neither what is no domain, nor where something else says how much TLS. */
    r = ask_with_sts("[sts.test]", "sts.test", false);
    assert_level(&r, TLS_MAY);
    r = ask_with_sts("sts.test", "sts.test", true);
    assert_level(&r, TLS_MAY);
    smtp_tls_conf.smtp_tls_policy_maps = STR("inline:{ sts.test=may }");
    r = ask_with_sts("sts.test", "sts.test", false);
    assert_level(&r, TLS_MAY);
    smtp_tls_conf.smtp_tls_policy_maps = STR("");
    smtp_tls_conf.smtp_tls_security_level = STR("encrypt");
    r = ask_with_sts("sts.test", "sts.test", false);
    assert_level(&r, TLS_ENCRYPT);
    smtp_tls_conf.smtp_tls_security_level = STR("dane");
    dane_says = TLS_DANE;
    r = ask_with_sts("sts.test", "sts.test", false);
    assert_level(&r, TLS_DANE);
    assert_int_equal(sts_questions, 2);
    dane_says = TLS_MAY;
    r = ask_with_sts("sts.test", "sts.test", false);
    assert_level(&r, TLS_SECURE);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(old_switches_make_a_level),
        TEST(the_table_has_destinations_and_their_parents),
        TEST(the_stronger_word_of_the_old_table_wins),
        TEST(a_bad_entry_is_a_configuration_problem),
        TEST(what_matters_less_than_arriving_asks_no_table),
        TEST(words_become_names),
        TEST(grades_depend_on_the_level),
        TEST(dane_settles_the_level),
        TEST(a_path_is_a_destination_of_its_own),
        TEST(wrapper_mode_is_for_mandatory_tls),
        TEST(a_fingerprint_level_needs_fingerprints),
        TEST(an_sts_policy_limits_the_exchangers),
        TEST(an_sts_policy_comes_last),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
