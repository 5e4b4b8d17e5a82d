#include "conf/master_cf.h"
#include "unit.h"

static void parse(const char *text, struct arena *arena, struct master_cf *cf)
{
    BUF_AUTO(error, 0);

    if (!master_cf_parse(str_from(text), STR("master.cf"), arena, cf, &error))
        fail_msg("%s", buf_cstr(&error));
}

static void assert_str(struct str have, const char *want)
{
    assert_true(str_equal(have, str_from(want)));
}

static void fields_and_their_defaults(void **state)
{
    ARENA_AUTO(arena);
    struct master_cf cf;

    (void)state;
    parse(
        "smtp inet n - y - 9 smtpd\nx/y unix - - - 5? - cmd\nlog unix-dgram n n n 60 0 postlogd\n",
        &arena, &cf);
    assert_int_equal(cf.count, 3);
    const struct master_entry *e = &cf.entries[0];
    assert_true(e->type == MASTER_INET && !e->private && e->unprivileged && e->chroot &&
                e->wakeup == 0);
    assert_true(e->process_limit == 9 && e->unprivileged_is_default && !e->chroot_is_default);
    e = &cf.entries[1];
    assert_str(e->service, "x/y");
    assert_true(e->type == MASTER_UNIX && e->private && !e->chroot && e->chroot_is_default);
    assert_true(e->wakeup == 5 && e->wakeup_conditional && e->process_limit == -1);
    e = &cf.entries[2];
    assert_true(e->type == MASTER_UNIX_DGRAM && !e->private && !e->unprivileged &&
                e->process_limit == 0);
    assert_int_equal(e->line, 3);
}

static void settings_are_separate_from_arguments(void **state)
{
    ARENA_AUTO(arena);
    struct master_cf cf;
    struct str value;

    (void)state;
    parse("# c\nsmtp inet n - n - - smtpd\n  -o a=b -v\n# inside\n\n -vo c=$x -o { d = e f } -og= "
          "-o bad\n {}\n"
          "p unix - n n - - pipe flags=R {argv=a b} -o x=y\n",
          &arena, &cf);
    const struct master_entry *e = &cf.entries[0];
    assert_int_equal(e->line, 2);
    assert_int_equal(e->setting_count, 4);
    assert_true(master_entry_setting(e, STR("c"), &value));
    assert_str(value, "$x");
    assert_true(master_entry_setting(e, STR("d"), &value));
    assert_str(value, "e f");
    assert_true(master_entry_setting(e, STR("g"), &value));
    assert_int_equal(value.len, 0);
    assert_int_equal(e->argc, 5); /* -v -v -o bad {}: the daemon complains about the bad one */
    assert_str(e->argv[3], "bad");
    assert_int_equal(e->argv[4].len, 0);
    e = &cf.entries[1];
    assert_int_equal(e->setting_count, 0); /* options end at the first other word */
    assert_int_equal(e->argc, 4);
    assert_str(e->argv[1], "argv=a b");
}

static void the_last_definition_of_a_service_counts(void **state)
{
    ARENA_AUTO(arena);
    struct master_cf cf;

    (void)state;
    parse("a unix - - - - 1 x\na inet n - - - 2 x\na unix - - - - 3 x\n", &arena, &cf);
    assert_true(cf.entries[0].replaced && !cf.entries[1].replaced && !cf.entries[2].replaced);
    assert_int_equal(cf.entries[2].process_limit, 3);
}

static void bad_lines_are_reported(void **state)
{
    static const struct {
        const char *line, *error;
    } cases[] = {
        { "smtp inet n - n - -", "m: line 2: missing \"command\" field" },
        { "- inet n - n - - x", "m: line 2: field \"service\" has no default value" },
        { "smtp inot n - n - - x", "m: line 2: bad transport type: inot" },
        { "smtp inet y - n - - x", "m: line 2: inet service cannot be private" },
        { ":25 inet n - n - - x",
          "m: line 2: service definition requires valid host name or address" },
        { "s unix a - n - - x", "m: line 2: field \"private\": bad value: \"a\"" },
        { "s unix - - n 5?? - x", "m: line 2: field \"wakeup\": bad value: \"5??\"" },
        { "s unix - - n -5 - x", "m: line 2: field \"wakeup\": bad value: \"-5\"" },
        { "s unix - - n - 99999999999 x",
          "m: line 2: field \"process_limit\": bad value: \"99999999999\"" },
        { "s unix - - n - - -", "m: line 2: field \"command\" has no default value" },
        { "s unix - - n - - x {a",
          "m: line 2: unbalanced or misplaced '{' or '}' in \"s unix - - n - - x {a\"" },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        BUF_AUTO(text, 0);
        BUF_AUTO(error, 0);
        ARENA_AUTO(arena);
        struct master_cf cf;
        buf_join(&text, STR("# first\n"), str_from(cases[i].line), STR("\n"));
        assert_false(master_cf_parse(buf_str(&text), STR("m"), &arena, &cf, &error));
        assert_string_equal(buf_cstr(&error), cases[i].error);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fields_and_their_defaults),
        cmocka_unit_test(settings_are_separate_from_arguments),
        cmocka_unit_test(the_last_definition_of_a_service_counts),
        cmocka_unit_test(bad_lines_are_reported),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
