#include "milter/config.h"
#include "milter/macro.h"
#include "unit.h"

static const struct milter_settings defaults = { 30, 30, 300, STR("shutdown"), STR("6") };

static bool text_is(struct str s, const char *text) { return str_equal(s, str_from(text)); }

static void a_list_has_names_and_groups(void **state)
{
    struct milter_service *s;
    size_t count;
    ARENA_AUTO(arena);
    BUF_AUTO(why, 0);

    (void)state;
    assert_true(milter_list_parse(
        &arena,
        STR("inet:127.0.0.1:8891, unix:rspamd/milter.sock\n"
            " { inet:[::1]:1, command_timeout=1s default_action = accept, { protocol = 3 "
            "no_header_reply } }"),
        &defaults, &s, &count, &why));
    assert_int_equal(count, 3);
    assert_true(text_is(s[0].name, "inet:127.0.0.1:8891"));
    assert_int_equal(s[0].settings.command_timeout, 30);
    assert_true(text_is(s[1].name, "unix:rspamd/milter.sock"));
    assert_true(text_is(s[2].name, "inet:[::1]:1"));
    assert_int_equal(s[2].settings.command_timeout, 1);
    assert_int_equal(s[2].settings.content_timeout, 300);
    assert_true(text_is(s[2].settings.default_action, "accept"));
    assert_true(text_is(s[2].settings.protocol, "3 no_header_reply"));
}

static void faults_of_a_list_are_named(void **state)
{
    static const struct {
        const char *list, *why;
    } cases[] = {
        { "{ inet:a:1, foo=bar }", "unknown option: \"foo = bar\"" },
        { "{ inet:a:1, foo }", "unknown option: \"foo\"" },
        { "{ }", "empty milter definition: \"\"" },
        { "inet:a:1, { inet:b:2", "milter service syntax error: \", { inet:b:2\"" },
        { "{ inet:a:1, command_timeout=soon }", "bad time value: \"command_timeout = soon\"" },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct milter_service *s;
        size_t count;
        ARENA_AUTO(arena);
        BUF_AUTO(why, 0);
        assert_false(
            milter_list_parse(&arena, str_from(cases[i].list), &defaults, &s, &count, &why));
        assert_string_equal(buf_cstr(&why), cases[i].why);
    }
}

static void endpoints_have_a_transport_that_exists(void **state)
{
    BUF_AUTO(why, 0);

    (void)state;
    assert_true(milter_name_is_valid(STR("local:x"), &why));
    assert_false(milter_name_is_valid(STR("127.0.0.1:10105"), &why));
    assert_string_equal(buf_cstr(&why),
                        "invalid transport name: 127.0.0.1 in Milter service: 127.0.0.1:10105");
    buf_clear(&why);
    assert_false(milter_name_is_valid(STR("milter"), &why));
    assert_string_equal(buf_cstr(&why),
                        "Milter service needs transport:endpoint instead of \"milter\"");
}

static void a_protocol_is_one_version(void **state)
{
    struct milter_protocol p;
    BUF_AUTO(why, 0);

    (void)state;
    assert_true(milter_protocol_parse(STR("2"), &p, &why));
    assert_int_equal(p.steps, 0x7f);
    assert_true(milter_protocol_parse(STR("3 no_header_reply"), &p, &why));
    assert_int_equal(p.version, 3);
    assert_int_equal(p.steps, 0x1ff);
    assert_false(milter_protocol_parse(STR("5"), &p, &why));
    assert_string_equal(buf_cstr(&why), "bad protocol information: 5");
    buf_clear(&why);
    assert_false(milter_protocol_parse(STR("2 3"), &p, &why));
    buf_clear(&why);
    assert_false(milter_protocol_parse(STR("no_header_reply"), &p, &why));
    assert_string_equal(buf_cstr(&why), "no protocol version information");
}

static struct str value_of(void *context, struct str name)
{
    (void)context;
    if (str_equal(name, STR("i")))
        return STR("4ABC");
    return str_equal(name, STR("mail_addr")) ? STR("") : STR_NONE;
}

static void macros_are_sent_as_they_are_spelt(void **state)
{
    struct milter_macros given;
    ARENA_AUTO(arena);
    BUF_AUTO(remarks, 0);
    BUF_AUTO(why, 0);
    BUF_AUTO(out, 0);

    (void)state;
    assert_true(milter_macros_parse(&arena, STR("{v}=one, w=two, { x = three four }, v=five"),
                                    &given, &remarks, &why));
    assert_int_equal(given.count, 3);
    assert_true(str_find_str(buf_str(&remarks), STR("multiple default macro entries for {v}")) !=
                STR_NOT_FOUND);
    milter_macros_format(STR("i,{i} {mail_addr} nothing {x}"), &given, value_of, NULL, &out);
    assert_int_equal(out.len, sizeof "i\0004ABC\0{i}\0004ABC\0{mail_addr}\0\0{x}\0three four");
    assert_memory_equal(out.ptr, "i\0004ABC\0{i}\0004ABC\0{mail_addr}\0\0{x}\0three four", out.len);
}

static void a_macro_without_a_value_is_malformed(void **state)
{
    struct milter_macros given;
    ARENA_AUTO(arena);
    BUF_AUTO(remarks, 0);
    BUF_AUTO(why, 0);

    (void)state;
    assert_false(milter_macros_parse(&arena, STR("a=b nonsense"), &given, &remarks, &why));
    assert_string_equal(buf_cstr(&why),
                        "malformed default macro entry: \"nonsense\" in \"a=b nonsense\"");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_list_has_names_and_groups),
        cmocka_unit_test(faults_of_a_list_are_named),
        cmocka_unit_test(endpoints_have_a_transport_that_exists),
        cmocka_unit_test(a_protocol_is_one_version),
        cmocka_unit_test(macros_are_sent_as_they_are_spelt),
        cmocka_unit_test(a_macro_without_a_value_is_malformed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
