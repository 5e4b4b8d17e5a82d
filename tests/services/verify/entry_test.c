#include "services/verify/entry.h"
#include "unit.h"

#define NOW 1000000
#define DAY 86400

static const struct verify_policy policy = {
    .positive = { 31 * DAY, 7 * DAY },
    .negative = { 3 * DAY, 3 * 3600 },
    .keeps_failures = true,
};

static void an_entry_is_four_fields_and_the_text_may_have_colons(void **state)
{
    struct verify_entry e;
    BUF_AUTO(out, 0);

    (void)state;
    assert_true(verify_entry_parse(STR("2:0:1796014374:host a said: 550 no"), &e));
    assert_int_equal(e.status, VERIFY_BOUNCE);
    assert_int_equal(e.probed, 0);
    assert_int_equal(e.updated, 1796014374);
    assert_true(str_equal(e.text, STR("host a said: 550 no")));
    verify_entry_format(&e, &out);
    assert_true(str_equal(buf_str(&out), STR("2:0:1796014374:host a said: 550 no")));
}

static void what_is_no_entry_is_refused(void **state)
{
    static const struct str bad[] = { STR(""),         STR("0"),         STR("0:1:2"),
                                      STR("4:0:1:x"),  STR("-1:0:1:x"),  STR("0:x:1:y"),
                                      STR("0:0:-1:y"), STR("1796014373") };
    struct verify_entry e;

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        assert_false(verify_entry_parse(bad[i], &e));
}

static void age_and_probe_decide(void **state)
{
    static const struct {
        struct verify_entry e;
        bool usable, wants_probe;
    } cases[] = {
        { { VERIFY_OK, 0, NOW - 7 * DAY, STR_NONE }, true, false },
        { { VERIFY_OK, 0, NOW - 7 * DAY - 1, STR_NONE }, true, true },
        { { VERIFY_OK, NOW - 999, NOW - 7 * DAY - 1, STR_NONE }, true, false },
        { { VERIFY_OK, NOW - 1000, NOW - 7 * DAY - 1, STR_NONE }, true, true },
        { { VERIFY_BOUNCE, 0, NOW - 3 * 3600, STR_NONE }, true, false },
        { { VERIFY_DEFER, 0, NOW - 3 * 3600 - 1, STR_NONE }, true, true },
        { { VERIFY_BOUNCE, 0, NOW - 3 * DAY - 1, STR_NONE }, false, true },
        { { VERIFY_TODO, NOW - 10, 0, STR_NONE }, true, false },
        { { VERIFY_TODO, NOW - 1000, 0, STR_NONE }, false, true },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        assert_int_equal(verify_entry_is_usable(&cases[i].e, &policy, NOW), cases[i].usable);
        assert_int_equal(verify_entry_wants_probe(&cases[i].e, &policy, NOW), cases[i].wants_probe);
    }
}

static void one_failure_does_not_make_a_good_address_bad(void **state)
{
    struct verify_entry good = { VERIFY_OK, NOW - 5, NOW - DAY, STR("fine") }, e;

    (void)state;
    e = verify_entry_after(&good, VERIFY_BOUNCE, STR("no"), NOW);
    assert_int_equal(e.status, VERIFY_OK);
    assert_int_equal(e.probed, 0);
    assert_int_equal(e.updated, NOW - DAY);
    e = verify_entry_after(NULL, VERIFY_BOUNCE, STR("no"), NOW);
    assert_int_equal(e.status, VERIFY_BOUNCE);
    assert_int_equal(e.updated, NOW);
    e = verify_entry_after(&e, VERIFY_OK, STR("yes"), NOW + 1);
    assert_int_equal(e.status, VERIFY_OK);
    assert_true(str_equal(e.text, STR("yes")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_entry_is_four_fields_and_the_text_may_have_colons),
        cmocka_unit_test(what_is_no_entry_is_refused),
        cmocka_unit_test(age_and_probe_decide),
        cmocka_unit_test(one_failure_does_not_make_a_good_address_bad),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
