#include "conf/expand.h"
#include "unit.h"

/* A world of three names: word has a value, empty has none, loop mentions itself. */
static bool value_of(void *context, struct str name, unsigned depth, struct str *value,
                     struct buf *error)
{
    BUF_AUTO(out, 100);

    if (str_equal(name, STR("loop")))
        return expand_text(context, STR("<$loop>"), depth, &out, error);
    *value = str_equal(name, STR("word")) ? STR("bird") : STR("");
    return true;
}

static bool is_set(void *context, struct str name)
{
    (void)context;
    return str_equal(name, STR("word"));
}

static struct expand_names world = { .value = value_of, .is_set = is_set, .context = &world };

static void assert_expands(const char *text, const char *expected)
{
    BUF_AUTO(out, 1000);
    BUF_AUTO(error, 1000);

    if (!expand_text(&world, str_from(text), 0, &out, &error))
        fail_msg("%s: %s", text, buf_cstr(&error));
    assert_string_equal(buf_cstr(&out), expected);
}

static void assert_refused(const char *text, const char *expected)
{
    BUF_AUTO(out, 1000);
    BUF_AUTO(error, 1000);

    if (expand_text(&world, str_from(text), 0, &out, &error))
        fail_msg("%s was expanded to %s", text, buf_cstr(&out));
    assert_string_equal(buf_cstr(&error), expected);
}

static void references_become_values(void **state)
{
    (void)state;
    assert_expands("", "");
    assert_expands("$word ${word} $(word) ${ word }", "bird bird bird bird");
    assert_expands("$word.x$word_$none", "bird.x");
    assert_expands("x$$word", "x$word");
    assert_expands("$(word?(x))", "(x)");
}

static void conditions_choose_a_text(void **state)
{
    (void)state;
    assert_expands("${word?a}${word:b}${empty?c}${empty:d}", "ad");
    assert_expands("${word?{a}:{b}} ${empty?{a}:{b}}", "a b");
    assert_expands("${word ? {a} : {b}}", "a");
    assert_expands("${word?a:b}", "a:b");
    assert_expands("${word?{a}:b}", "a");
    assert_expands("${word? x y }", " x y ");
    assert_expands("${word?{${empty?{x}:{<$word>}}}}", "<bird>");
    assert_expands("${empty?{$loop}:{x}}", "x"); /* the other branch is not touched */
}

static void comparisons_are_by_number_level_or_bytes(void **state)
{
    (void)state;
    assert_expands("${{a} == {a}}${{a} == {b}}", "true");
    assert_expands("${{$word} == {bird}?{y}:{n}}", "y");
    assert_expands("${{10} < {9}?{y}:{n}} ${{x10} < {x9}?{y}:{n}}", "n y");
    assert_expands("${{01} == {1}?{y}:{n}} ${{ 1} == {1}?{y}:{n}}", "y n");
    assert_expands("${{99999999999999999999} > {1}?{y}:{n}}", "y");
    assert_expands("${{3.10} <level {3.9}?{y}:{n}} ${{3} ==level {3.0.0}?{y}:{n}}", "n y");
    assert_expands("${{1} != {2}:{n}}", "");
    assert_expands("${{2} >= {2}?x}${{2} <= {1}?y}", "x");
}

static void domains_get_their_ascii_form(void **state)
{
    (void)state;
    assert_expands("${domain_to_ascii{Example.ORG}}", "example.org");
    assert_expands("${domain_to_ascii{b\xc3\xbc"
                   "cher.ex\xc3\xa4mple}}",
                   "xn--bcher-kva.xn--exmple-cua");
    assert_expands("${domain_to_ascii{\xe4\xbe\x8b\xe3\x81\x88}}", "xn--r8jz45g");
    assert_refused("${domain_to_ascii{\xff}}", "not a domain name: \"\xff\"");
}

static void bad_syntax_is_an_error(void **state)
{
    static const struct {
        const char *text, *error;
    } cases[] = {
        { "$", "empty macro name: \"$\"" },
        { "a ${} b", "empty macro name: \"a ${} b\"" },
        { "a$-b", "empty macro name: \"a$-b\"" },
        { "${x", "truncated macro reference: \"${x\"" },
        { "${x-y}", "attribute name syntax error at: \"...x>>>-y\"" },
        { "${word{x}}", "attribute name syntax error at: \"...word>>>{x}\"" },
        { "${{a} ~ {b}}", "comparison operator expected at: \"...a>>>~ {b}\"" },
        { "${{a} == b}", "\"{expression}\" expected at: \"...==>>>b\"" },
        { "${word?{a}{b}}", "\":\" expected at: \"...a>>>{b}\"" },
        { "${word?{a}:{b} c}", "unexpected input at: \"...b>>>c\"" },
        { "${{x} <level {3}}", "malformed compatibility level syntax: \"x\"" },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        assert_refused(cases[i].text, cases[i].error);
}

static void endless_nesting_is_an_error(void **state)
{
    (void)state;
    assert_refused("$loop", "unreasonable macro call nesting: \"<$loop>\"");
}

static void a_result_that_is_too_long_is_an_error(void **state)
{
    BUF_AUTO(out, 10);
    BUF_AUTO(error, 100);

    (void)state;
    assert_false(expand_text(&world, STR("$word$word$word"), 0, &out, &error));
    assert_string_equal(buf_cstr(&error), "value too long: \"$word$word$word\"");
}

static void collect(void *context, struct str name) { buf_join(context, name, STR(" ")); }

static void every_mentioned_name_is_found(void **state)
{
    BUF_AUTO(names, 1000);

    (void)state;
    expand_each_name(STR("$a ${b?{$c}:{${ d }}} $$e ${{$f} == {g}?{$(h)}} ${domain_to_ascii{$i}}"),
                     collect, &names);
    assert_string_equal(buf_cstr(&names), "a b c d f h i ");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(references_become_values),
        cmocka_unit_test(conditions_choose_a_text),
        cmocka_unit_test(comparisons_are_by_number_level_or_bytes),
        cmocka_unit_test(domains_get_their_ascii_form),
        cmocka_unit_test(bad_syntax_is_an_error),
        cmocka_unit_test(endless_nesting_is_an_error),
        cmocka_unit_test(a_result_that_is_too_long_is_an_error),
        cmocka_unit_test(every_mentioned_name_is_found),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
