#include "base/attr.h"
#include "postscreen/trial.h"
#include "unit.h"

#define PREGREET SCREEN_BIT(SCREEN_PREGREET)
#define DNSBL    SCREEN_BIT(SCREEN_DNSBL)

static void assert_text(const struct merits *m, const char *want)
{
    BUF_AUTO(text, 0);

    merits_format(m, &text);
    assert_string_equal(buf_cstr(&text), want);
}

static void fields_that_are_missing_or_bad_were_never_asked_for(void **state)
{
    static const struct {
        const char *text, *read;
    } cases[] = {
        { "100;200;300;400;500", "100;200;300;400;500" },
        { "100;0;1;1;1", "100;0;1;1;1" },
        { "100;200", "100;200;1;1;1" },
        { "100;x;300", "100;1;1;1;1" },
        { "-5;200", "1;1;1;1;1" },
        { "", "1;1;1;1;1" },
        { "1;2;3;4;5;6", "1;2;3;4;5" },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct merits m;
        merits_parse(&m, str_from(cases[i].text));
        assert_text(&m, cases[i].read);
    }
}

static void a_test_is_due_when_its_time_is_over(void **state)
{
    struct merits m;

    (void)state;
    merits_parse(&m, STR("100;1;0;1;1"));
    assert_int_equal(merits_due(&m, PREGREET, 100), 0);
    assert_int_equal(merits_due(&m, PREGREET, 101), PREGREET);
    assert_int_equal(merits_due(&m, PREGREET | DNSBL, 100), DNSBL);
    assert_true(merits_is_new(&m));
    merits_parse(&m, STR("100;1;1;1;1"));
    assert_false(merits_is_new(&m));
}

static void a_stranger_takes_all_that_is_asked_for(void **state)
{
    struct trial t = { 0 };
    struct merits m;

    (void)state;
    merits_init(&m, PREGREET);
    assert_text(&m, "0;1;1;1;1");
    trial_init(&t, &m, PREGREET, 1000);
    assert_int_equal(t.due, PREGREET);
    assert_true(t.is_new);
    assert_false(trial_is_passed(&t));
    trial_pass(&t, PREGREET, 2000);
    assert_true(trial_is_passed(&t));
    assert_true(trial_note(&t, PREGREET, &m));
    assert_text(&m, "2000;1;1;1;1");
}

static void passes_can_be_collected_in_several_sessions(void **state)
{
    struct trial t = { 0 };
    struct merits m;

    (void)state;
    merits_init(&m, SCREEN_ALL);
    trial_init(&t, &m, SCREEN_ALL, 1000);
    trial_pass(&t, SCREEN_EARLY, 2000);
    assert_false(trial_is_passed(&t));
    assert_true(trial_note(&t, SCREEN_ALL, &m));
    assert_text(&m, "2000;2000;0;0;0");
}

static void a_test_that_is_asked_for_only_now_is_new_to_everybody(void **state)
{
    struct trial t = { 0 };
    struct merits m;

    (void)state;
    merits_parse(&m, STR("900;1;1;1;1"));
    trial_init(&t, &m, SCREEN_EARLY, 1000);
    trial_pass(&t, PREGREET, 2000);
    assert_true(trial_note(&t, SCREEN_EARLY, &m));
    assert_text(&m, "2000;0;1;1;1");
}

static void who_fails_gains_nothing(void **state)
{
    struct trial t = { 0 };
    struct merits m;

    (void)state;
    merits_init(&m, SCREEN_EARLY);
    trial_init(&t, &m, SCREEN_EARLY, 1000);
    trial_pass(&t, SCREEN_EARLY, 2000);
    t.failed = true;
    assert_false(trial_is_passed(&t));
    assert_false(trial_note(&t, SCREEN_EARLY, &m));
    assert_text(&m, "0;0;1;1;1");
}

static void a_test_that_was_not_due_keeps_its_time(void **state)
{
    struct trial t = { 0 };
    struct merits m;

    (void)state;
    merits_parse(&m, STR("5000;900;1;1;1"));
    trial_init(&t, &m, SCREEN_EARLY, 1000);
    assert_int_equal(t.due, DNSBL);
    trial_pass(&t, DNSBL, 1060);
    assert_true(trial_note(&t, SCREEN_EARLY, &m));
    assert_text(&m, "5000;1060;1;1;1");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fields_that_are_missing_or_bad_were_never_asked_for),
        cmocka_unit_test(a_test_is_due_when_its_time_is_over),
        cmocka_unit_test(a_stranger_takes_all_that_is_asked_for),
        cmocka_unit_test(passes_can_be_collected_in_several_sessions),
        cmocka_unit_test(a_test_that_is_asked_for_only_now_is_new_to_everybody),
        cmocka_unit_test(who_fails_gains_nothing),
        cmocka_unit_test(a_test_that_was_not_due_keeps_its_time),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
