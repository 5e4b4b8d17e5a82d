#include "local/destination_list.h"
#include "unit.h"

/* Destinations as text: A address, M address of a mailbox only, C command, F file, I include. */
static void assert_list(const char *text, const char *want)
{
    ARENA_AUTO(a);
    BUF_AUTO(got, 0);
    struct destination_walk walk;
    struct destination to;

    destination_walk_init(&walk, str_from(text), true, &a, 1000);
    while (destination_next(&walk, &to)) {
        buf_addc(&got, to.only_mailbox ? 'M' : "ACFI"[to.kind]);
        buf_join(&got, STR("("), to.text, STR(")"));
    }
    assert_string_equal(buf_cstr(&got), want);
}

static void every_kind_of_destination_is_recognised(void **state)
{
    static const struct {
        const char *text, *want;
    } cases[] = {
        { "", "" },
        { "bob", "A(bob)" },
        { "bob, \"Ann B\" <ann@x.test>,c@y.test", "A(bob)A(ann@x.test)A(c@y.test)" },
        { "\\bob, eve", "M(bob)A(eve)" },
        { "\"|/bin/cmd a, b\", /var/box, /dir/", "C(/bin/cmd a, b)F(/var/box)F(/dir/)" },
        { "|/bin/cmd a b", "C(/bin/cmd)A(a)A(b)" },
        { "| /bin/cmd a", "C(/bin/cmd)A(a)" },
        { "bob, |\t /bin/cmd, eve", "A(bob)C(/bin/cmd)A(eve)" },
        { "| \"/bin/cmd a\" b", "C(/bin/cmd a)A(b)" },
        { "|\nbob", "C()A(bob)" },
        { "\"|/bin/cmd a\" b", "C(/bin/cmd a)A(b)" },
        { "/var/box x\n:include:/etc/list y", "F(/var/box)A(x)I(/etc/list)A(y)" },
        { "bob \"|/bin/cmd a\" /var/box", "A(bob)C(/bin/cmd a)F(/var/box)" },
        { "\"| /bin/cmd\"", "C( /bin/cmd)" },
        { "|/bin/cmd (one, two)", "C(/bin/cmd)" },
        { "|\"/bin/cmd \\\"a\\\" b\"", "C(/bin/cmd \"a\" b)" },
        { "\":include:/etc/list\" , :include:/etc/other", "I(/etc/list)I(/etc/other)" },
        { "a\nb,\n c\n# d, e\n\n", "A(a)A(b)A(c)" },
        { "a (one, two), b", "A(a)A(b)" },
        { "\"quoted name\"", "A(quoted name)" },
        { ",,a,,", "A(a)" },
        { "\"\", a", "A()A(a)" }, /* the null address has a reader: empty_address_recipient */
        { "<>, (x), a", "A(a)" },
        { "\"unclosed, a\nb", "A(unclosed, a)A(b)" },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        assert_list(cases[i].text, cases[i].want);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(every_kind_of_destination_is_recognised) };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
