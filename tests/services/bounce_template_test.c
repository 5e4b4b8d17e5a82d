#include "services/bounce/template.h"
#include "unit.h"

static int zeros;

static struct str value(void *context, struct str name)
{
    (void)context;
    return str_equal(name, STR("myhostname")) ? STR("mx.test") : STR_NONE;
}

static bool seconds(void *context, struct str name, int64_t *out)
{
    (void)context;
    *out = 5 * 86400 + 7200;
    return str_equal(name, STR("lifetime"));
}

static void zero(void *context, struct str name)
{
    (void)context;
    (void)name;
    zeros++;
}

static const struct template_values values = { value, seconds, zero, NULL };

static void names_are_expanded(void **state)
{
    static const struct {
        const char *text, *result;
        int zeros;
    } cases[] = {
        { "at $myhostname.", "at mx.test.", 0 },
        { "${myhostname}$(myhostname)", "mx.testmx.test", 0 },
        { "$$5 and $ and ${x and $unknown|", "$5 and $ and ${x and |", 0 },
        { "$lifetime_seconds $lifetime_minutes $lifetime_hours $lifetime_days", "439200 7320 122 5",
          0 },
        { "$lifetime_weeks", "0", 1 },
        { "", "", 0 },
        { "$", "$", 0 },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        BUF_AUTO(out, 0);
        zeros = 0;
        template_expand(str_from(cases[i].text), &values, &out);
        assert_string_equal(buf_cstr(&out), cases[i].result);
        assert_int_equal(zeros, cases[i].zeros);
    }
}

static void a_file_replaces_the_templates_that_it_has(void **state)
{
    struct bounce_templates t;
    BUF_AUTO(error, 0);

    (void)state;
    templates_builtin(&t);
    assert_true(templates_parse(
        STR("# mine\n\ndelay_template = <<EOT\nCharset: utf-8\nFrom: me (Mail)\nSubject: late\n\n"
            "one\ntwo\nEOT\n"),
        STR("file"), &t, &error));
    assert_true(str_equal(t.of[TEMPLATE_DELAY].subject, STR("late")));
    assert_true(str_equal(t.of[TEMPLATE_DELAY].charset, STR("utf-8")));
    assert_true(str_equal(t.of[TEMPLATE_DELAY].text, STR("one\ntwo\n")));
    assert_true(
        str_equal(t.of[TEMPLATE_FAILURE].subject, STR("Undelivered Mail Returned to Sender")));
}

static void what_a_template_lacks_is_built_in(void **state)
{
    struct bounce_templates t;
    BUF_AUTO(error, 0);

    (void)state;
    templates_builtin(&t);
    assert_true(templates_parse(STR("failure_template = <<EOF\nSubject: mine\nno header\n\nx\nEOF\n"
                                    "delay_template = only text\n"
                                    "verify_template = <<EOF\n\nno end\n"),
                                STR("file"), &t, &error));
    assert_true(str_equal(t.of[TEMPLATE_FAILURE].subject, STR("mine")));
    assert_true(str_equal(t.of[TEMPLATE_FAILURE].postmaster_subject,
                          STR("Postmaster Copy: Undelivered Mail")));
    assert_true(str_equal(t.of[TEMPLATE_FAILURE].text, STR("no header\n\nx\n")));
    assert_true(str_equal(t.of[TEMPLATE_DELAY].text, STR("only text")));
    assert_true(str_equal(t.of[TEMPLATE_VERIFY].text, STR("no end\n")));
}

static void a_template_with_a_fault_is_left_out_alone(void **state)
{
    static const char *const cases[] = {
        "other_template = <<EOF\nSubject: x\n\ny\nEOF\n",
        "delay_template = <<EOF\nSubject: x\nEOF\n",
        "delay_template = <<EOF\nEOF\n",
        "delay_template = <<EOF\nX-Other: x\nSubject: x\n\ny\nEOF\n",
        "delay_template = <<EOF\nCharset:\nSubject: x\n\ny\nEOF\n",
        "delay_template = <<EOF\nSubject: caf\xc3\xa9\n\ny\nEOF\n",
        "delay_template = <<EOF\nSubject: x\n\ncaf\xc3\xa9\nEOF\n",
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct bounce_templates t;
        BUF_AUTO(text, 0);
        BUF_AUTO(error, 0);
        templates_builtin(&t);
        buf_add_cstr(&text, cases[i]);
        buf_add_cstr(&text, "failure_template = <<EOF\nSubject: good\n\ngood\nEOF\n");
        assert_true(templates_parse(buf_str(&text), STR("file"), &t, &error));
        assert_true(str_equal(t.of[TEMPLATE_DELAY].origin, STR("[built-in]")));
        assert_true(str_equal(t.of[TEMPLATE_FAILURE].subject, STR("good")));
    }
}

static void a_file_of_something_else_is_refused(void **state)
{
    struct bounce_templates t;
    BUF_AUTO(error, 0);

    (void)state;
    templates_builtin(&t);
    assert_false(templates_parse(STR("# x\nwhat is this\n"), STR("file"), &t, &error));
    assert_string_equal(buf_cstr(&error),
                        "file, line 3: missing '=' after attribute name: \"what is this\"");
}

static void built_in_templates_can_be_read_back(void **state)
{
    struct bounce_templates t, again;
    BUF_AUTO(text, 0);
    BUF_AUTO(error, 0);

    (void)state;
    templates_builtin(&t);
    for (enum template_kind k = 0; k < TEMPLATE_COUNT; k++)
        template_format(k, &t.of[k], &text);
    templates_builtin(&again);
    assert_true(templates_parse(buf_str(&text), STR("file"), &again, &error));
    for (enum template_kind k = 0; k < TEMPLATE_COUNT; k++) {
        assert_true(str_equal(t.of[k].text, again.of[k].text));
        assert_true(
            str_starts(t.of[k].text, STR("This is the mail system at host $myhostname.\n")));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_are_expanded),
        cmocka_unit_test(a_file_replaces_the_templates_that_it_has),
        cmocka_unit_test(what_a_template_lacks_is_built_in),
        cmocka_unit_test(a_template_with_a_fault_is_left_out_alone),
        cmocka_unit_test(a_file_of_something_else_is_refused),
        cmocka_unit_test(built_in_templates_can_be_read_back),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
