#include "lib/queue/scratch.h"
#include "rewrite/mapping.h"

static void masquerading_follows_the_first_domain_that_fits(void **state)
{
    static const struct {
        const char *domains, *address, *want;
    } cases[] = {
        { "m.test", "a@host.m.test", "a@m.test" },
        { "m.test", "a@x.y.m.test", "a@m.test" },
        { "m.test", "a@HOST.M.test", "a@m.test" },
        { "m.test", "a@m.test", "a@m.test" },
        { "m.test", "a@xm.test", "a@xm.test" },
        { "m.test", "a@.m.test", "a@m.test" },
        { "m.test", "plain", "plain" },
        { "m.test", "", "" },
        { "!keep.m.test m.test", "b@x.keep.m.test", "b@x.keep.m.test" },
        { "!keep.m.test m.test", "b@x.other.m.test", "b@m.test" },
        { "keep.m.test, m.test", "b@x.keep.m.test", "b@keep.m.test" },
        { "m.test, keep.m.test", "b@x.keep.m.test", "b@m.test" },
        { "", "a@host.m.test", "a@host.m.test" },
        { "m.test", "a@b@host.m.test", "a@b@m.test" },
    };
    ARENA_AUTO(arena);

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        assert_str_equal(
            mapping_masquerade(str_from(cases[i].domains), str_from(cases[i].address), &arena),
            cases[i].want);
}

static void a_set_keeps_the_order(void **state)
{
    struct address_set set = { 0 };
    ARENA_AUTO(arena);

    (void)state;
    for (int i = 0; i < 100; i++) {
        char text[16];
        int n = snprintf(text, sizeof text, "u%d", i);
        address_set_add(&set, arena_str(&arena, (struct str){ text, (size_t)n }), &arena);
    }
    assert_int_equal(set.count, 100);
    assert_str_equal(set.items[0], "u0");
    assert_str_equal(set.items[99], "u99");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(masquerading_follows_the_first_domain_that_fits),
        cmocka_unit_test(a_set_keeps_the_order),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
