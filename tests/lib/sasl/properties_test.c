#include "base/attr.h"
#include "sasl/properties.h"
#include "unit.h"

static void words_become_conditions(void **state)
{
    static const struct {
        const char *words;
        unsigned forbidden, required;
    } cases[] = {
        { "", 0, 0 },
        { "noanonymous", SASL_ANONYMOUS, 0 },
        { "NoPlaintext,noactive\tnodictionary", SASL_PLAINTEXT | SASL_ACTIVE | SASL_DICTIONARY, 0 },
        { "forward_secrecy, mutual_auth", 0, SASL_FORWARD_SECRECY | SASL_MUTUAL_AUTH },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct sasl_policy policy;
        struct str bad;
        assert_true(sasl_policy_parse(str_from(cases[i].words), &policy, &bad));
        assert_int_equal(policy.forbidden, cases[i].forbidden);
        assert_int_equal(policy.required, cases[i].required);
    }
}

static void an_unknown_word_is_named(void **state)
{
    struct sasl_policy policy;
    struct str bad = STR("");

    (void)state;
    assert_false(sasl_policy_parse(STR("noanonymous nonsense"), &policy, &bad));
    assert_true(str_equal(bad, STR("nonsense")));
}

static void a_mechanism_needs_what_is_required_and_nothing_forbidden(void **state)
{
    struct sasl_policy policy = { .forbidden = SASL_PLAINTEXT, .required = SASL_MUTUAL_AUTH };

    (void)state;
    assert_true(sasl_policy_allows(policy, SASL_MUTUAL_AUTH | SASL_ACTIVE));
    assert_false(sasl_policy_allows(policy, SASL_MUTUAL_AUTH | SASL_PLAINTEXT));
    assert_false(sasl_policy_allows(policy, 0));
}

static void names_of_mechanisms_cannot_break_a_line(void **state)
{
    (void)state;
    assert_true(sasl_mechanism_is_valid(STR("SCRAM-SHA-256")));
    assert_true(sasl_mechanism_is_valid(STR("x_oauth2")));
    assert_false(sasl_mechanism_is_valid(STR("")));
    assert_false(sasl_mechanism_is_valid(STR("A B")));
    assert_false(sasl_mechanism_is_valid(STR("A\r\nB")));
    assert_true(sasl_is_base64(STR("AbC9+/==")));
    assert_false(sasl_is_base64(STR("Ab C")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(words_become_conditions),
        cmocka_unit_test(an_unknown_word_is_named),
        cmocka_unit_test(a_mechanism_needs_what_is_required_and_nothing_forbidden),
        cmocka_unit_test(names_of_mechanisms_cannot_break_a_line),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
