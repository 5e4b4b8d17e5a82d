#include "base/buf.h"
#include "base/number.h"
#include "conf/params.h"
#include "unit.h"

#include <string.h>

typedef void row_fn(const struct param *p);

static void for_each_row(row_fn *check)
{
    for (size_t s = 0; s < param_set_count; s++)
        for (size_t i = 0; i < param_sets[s]->count; i++)
            check(&param_sets[s]->params[i]);
}

static void check_found(const struct param *p)
{
    assert_ptr_equal(param_find(str_from(param_name(p))), p);
}

static void every_parameter_is_found_once_by_its_name(void **state)
{
    (void)state;
    for_each_row(check_found);
    assert_null(param_find(STR("nosuch_parameter")));
    assert_null(param_find(STR("")));
}

static void check_summary(const struct param *p)
{
    if (param_summary(p)[0] == '\0')
        fail_msg("%s has no summary", param_name(p));
    if (strlen(param_summary(p)) > 160)
        fail_msg("the summary of %s is too long for one line", param_name(p));
    if (!str_ends(str_from(param_summary(p)), STR(".")))
        fail_msg("the summary of %s is no sentence", param_name(p));
}

static void every_parameter_has_a_summary(void **state)
{
    (void)state;
    for_each_row(check_summary);
}

static bool is_number_type(const struct param *p)
{
    return p->type == PARAM_INT || p->type == PARAM_LONG;
}

static void check_default(const struct param *p)
{
    struct str fallback = str_from(param_fallback(p));
    int64_t number = 0;
    bool truth;

    if (str_has(fallback, '$') || str_starts(fallback, STR("(")))
        return; /* depends on other values or on the host */
    if (is_number_type(p) && !number_parse(fallback, &number))
        fail_msg("%s: %s is no number", param_name(p), param_fallback(p));
    if (p->type >= PARAM_TIME && p->type <= PARAM_TIME_W && !time_parse(fallback, 's', &number))
        fail_msg("%s: %s is no time", param_name(p), param_fallback(p));
    if (p->type == PARAM_BOOL && !bool_parse(fallback, &truth))
        fail_msg("%s: %s is neither yes nor no", param_name(p), param_fallback(p));
    if (p->type == PARAM_STR || p->type == PARAM_RAW || p->type == PARAM_BOOL)
        number = p->type == PARAM_BOOL ? 0 : (int64_t)fallback.len;
    if (number < p->min || (p->max && number > p->max))
        fail_msg("%s: the default %s is out of bounds", param_name(p), param_fallback(p));
}

static void every_default_is_a_valid_value(void **state)
{
    (void)state;
    for_each_row(check_default);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_parameter_is_found_once_by_its_name),
        cmocka_unit_test(every_parameter_has_a_summary),
        cmocka_unit_test(every_default_is_a_valid_value),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
