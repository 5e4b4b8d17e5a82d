#include "text/mta_sts.h"
#include "unit.h"

static void a_record_has_a_version_and_an_id(void **state)
{
    static const struct {
        const char *text, *id; /* NULL: it is none */
    } cases[] = {
        { "v=STSv1; id=20160831085700Z;", "20160831085700Z" },
        { "v=STSv1;id=1", "1" },
        { "v=STSv1; x=y; id=a ;", "a" },
        { "v=STSv1;", NULL },
        { "v=STSv1; id=", NULL },
        { "v=STSv1; id=a-b", NULL },
        { "v=STSv1; id=012345678901234567890123456789012", NULL },
        { "v=STSv2; id=1", NULL },
        { "id=1; v=STSv1", NULL },
        { "", NULL },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct str id = STR_NONE;
        assert_int_equal(mta_sts_record_parse(str_from(cases[i].text), &id), cases[i].id != NULL);
        assert_true(str_equal(id, str_from_null(cases[i].id)));
    }
}

#define HEAD "version: STSv1\r\nmode: enforce\r\n"

static void a_policy_has_all_it_needs(void **state)
{
    static const struct {
        const char *text;
        bool good;
    } cases[] = {
        { HEAD "mx: mail.example.com\r\nmx: *.example.net\r\nmax_age: 604800\r\n", true },
        { "version:STSv1\nmode:testing\nmx:a.b\nmax_age:0", true },
        { "version: STSv1\nmode: none\nmax_age: 86400\n", true },
        { HEAD "new: x\nmx: a.b\nmax_age: 1\n", true },
        { HEAD "max_age: 1\n", false },
        { HEAD "mx: a.b\n", false },
        { HEAD "mx: a.b\nmax_age: 31557601\n", false },
        { HEAD "mx: a.b\nmax_age: -1\n", false },
        { HEAD "mx: a.*.b\nmax_age: 1\n", false },
        { HEAD "mx: a b\nmax_age: 1\n", false },
        { HEAD "mx: *\nmax_age: 1\n", false },
        { "version: STSv2\nmode: enforce\nmx: a.b\nmax_age: 1\n", false },
        { "version: STSv1\nmode: maybe\nmx: a.b\nmax_age: 1\n", false },
        { "mode: enforce\nmx: a.b\nmax_age: 1\n", false },
        { "<html>", false },
        { "", false },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct mta_sts_policy policy;
        ARENA_AUTO(arena);
        assert_int_equal(mta_sts_policy_parse(str_from(cases[i].text), &arena, &policy),
                         cases[i].good);
    }
}

static void an_entry_says_it_to_smtp(void **state)
{
    static const struct {
        enum mta_sts_mode mode;
        const char *entry;
    } cases[] = {
        { MTA_STS_ENFORCE,
          "secure match=a.b:.c.d servername=hostname policy_type=sts policy_domain=x.y "
          "policy_ttl=60 { "
          "policy_string = version: STSv1 } { policy_string = mode: enforce } { policy_string = "
          "mx: "
          "a.b } mx_host_pattern=a.b { policy_string = mx: *.c.d } mx_host_pattern=*.c.d { "
          "policy_string = max_age: 60 }" },
        { MTA_STS_TESTING,
          "may policy_type=sts policy_domain=x.y policy_ttl=60 { policy_string = version: STSv1 } "
          "{ "
          "policy_string = mode: testing } { policy_string = mx: a.b } mx_host_pattern=a.b { "
          "policy_string = mx: *.c.d } mx_host_pattern=*.c.d { policy_string = max_age: 60 }" },
        { MTA_STS_NONE, "" },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct mta_sts_policy p = { cases[i].mode, 60, STR("a.b *.c.d ") };
        BUF_AUTO(entry, 0);
        mta_sts_policy_entry(&p, STR("x.y"), &entry);
        assert_string_equal(buf_cstr(&entry), cases[i].entry);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_record_has_a_version_and_an_id),
        cmocka_unit_test(a_policy_has_all_it_needs),
        cmocka_unit_test(an_entry_says_it_to_smtp),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
