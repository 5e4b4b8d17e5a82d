#include "base/attr.h"
#include "smtp-client/token.h"
#include "unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static void tokens_stand_alone_or_in_json(void **state)
{
    static const struct {
        const char *text, *want; /* NULL: none */
    } cases[] = {
        { "ya29.a0-_~+/=\n", "ya29.a0-_~+/=" },
        { "{\"access_token\": \"ya29.x\", \"expiry\": \"5\"}", "ya29.x" },
        { "{ \"expiry\":1,\"access_token\":\"t\" }\n", "t" },
        { "", NULL },
        { "two words", NULL },
        { "a\001auth=Bearer b", NULL },
        { "{\"access_token\": 5}", NULL },
        { "{\"access_token\": \"open", NULL },
        { "{\"access_token\"", NULL },
        { "{\"refresh_token\": \"x\"}", NULL },
    };

    ARENA_AUTO(arena);

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct str got = token_parse(str_from(cases[i].text), &arena);
        assert_int_equal(got.ptr != NULL, cases[i].want != NULL);
        if (cases[i].want)
            assert_true(str_equal(got, str_from(cases[i].want)));
    }
}

static void a_password_names_a_file_or_is_the_token(void **state)
{
    char path[] = "/tmp/token-XXXXXX";
    int fd = mkstemp(path);
    BUF_AUTO(token, 0);
    BUF_AUTO(why, 0);

    (void)state;
    assert_true(fd >= 0 && write(fd, "from-file\n", 10) == 10 && close(fd) == 0);
    assert_true(token_find(str_from(path), &token, &why));
    assert_string_equal(buf_cstr(&token), "from-file");
    buf_clear(&token);
    assert_true(token_find(STR("itself"), &token, &why));
    assert_string_equal(buf_cstr(&token), "itself");
    (void)unlink(path);
    assert_false(token_find(str_from(path), &token, &why));
    assert_true(why.len > 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tokens_stand_alone_or_in_json),
        cmocka_unit_test(a_password_names_a_file_or_is_the_token),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
