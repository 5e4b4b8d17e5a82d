#include "services/tokenmgr/account.h"
#include "unit.h"

#define NEEDED "client_id = i\nrefresh_token=r\ntoken_url = https://x/\n"

static void an_account_has_what_a_server_must_be_told(void **state)
{
    static const struct {
        const char *text;
        bool good;
    } cases[] = {
        { NEEDED, true },
        { "# x\n\n" NEEDED "client_secret = a = b\nscope = c d\n", true },
        { NEEDED "user = x\n", false },
        { "client_id = i\ntoken_url = https://x/\n", false },
        { "client_id = i\nrefresh_token = r\n", false },
        { "client_id = i\nrefresh_token = r\ntoken_url = http://x/\n", false },
        { "", false },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct account account;
        ARENA_AUTO(arena);
        BUF_AUTO(why, 0);
        assert_int_equal(account_parse(str_from(cases[i].text), &arena, &account, &why),
                         cases[i].good);
        assert_int_equal(why.len == 0, cases[i].good);
    }
}

static void a_form_quotes_its_values(void **state)
{
    struct account account;
    ARENA_AUTO(arena);
    BUF_AUTO(why, 0);
    BUF_AUTO(form, 0);

    (void)state;
    assert_true(account_parse(STR(NEEDED "client_secret = a&b=%\n"), &arena, &account, &why));
    account_form(&account, STR("r/1"), &form);
    assert_string_equal(buf_cstr(&form), "grant_type=refresh_token&client_id=i&client_secret=a%26b%"
                                         "3D%25&refresh_token=r%2F1");
}

static void a_name_stays_in_its_directory(void **state)
{
    (void)state;
    assert_true(account_name_is_valid(STR("ana+x@x.test")));
    assert_false(account_name_is_valid(STR("")));
    assert_false(account_name_is_valid(STR(".hidden")));
    assert_false(account_name_is_valid(STR("a/b")));
}

static void a_grant_is_a_token_with_an_end(void **state)
{
    static const struct {
        const char *content, *token, *refresh;
        int lifetime;
        const char *why;
    } cases[] = {
        { "{\"access_token\":\"t\",\"expires_in\":60,\"refresh_token\":\"n\"}", "t", "n", 60,
          NULL },
        { "{\"access_token\":\"t\",\"expires_in\":\"60\"}", "t", NULL, 60, NULL },
        { "{\"access_token\":\"t\",\"expires_in\":-1}", "t", NULL, 3600, NULL },
        { "{\"access_token\":\"t\",\"refresh_token\":\"two words\"}", "t", NULL, 3600, NULL },
        { "{\"error\":\"invalid_grant\"}", NULL, NULL, 0, "invalid_grant" },
        { "{\"error\":\"e\",\"error_description\":\"d\"}", NULL, NULL, 0, "e: d" },
        { "{\"access_token\":\"a\\u0001b\"}", NULL, NULL, 0, "no access token" },
        { "<html>", NULL, NULL, 0, "no access token" },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct grant grant;
        ARENA_AUTO(arena);
        BUF_AUTO(why, 0);
        bool good = grant_parse(str_from(cases[i].content), &arena, &grant, &why);
        assert_int_equal(good, cases[i].token != NULL);
        if (!good) {
            assert_string_equal(buf_cstr(&why), cases[i].why);
            continue;
        }
        assert_true(str_equal(grant.token, str_from(cases[i].token)));
        assert_true(str_equal(grant.refresh, str_from_null(cases[i].refresh)));
        assert_int_equal(grant.lifetime_s, cases[i].lifetime);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_account_has_what_a_server_must_be_told),
        cmocka_unit_test(a_form_quotes_its_values),
        cmocka_unit_test(a_name_stays_in_its_directory),
        cmocka_unit_test(a_grant_is_a_token_with_an_end),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
