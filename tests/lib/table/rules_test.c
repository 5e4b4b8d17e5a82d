#include "lib/table/harness.h"

struct lookup_case {
    const char *spec, *key, *want;
};

static void run(const struct lookup_case *cases, size_t count)
{
    for (size_t i = 0; i < count; i++)
        assert_lookup(cases[i].spec, TABLE_DEFAULT, cases[i].key, cases[i].want);
}

static void cidr_rules(void **state UNUSED)
{
    static const struct lookup_case cases[] = {
        { "cidr:{{10.0.0.0/8 ten}}", "10.1.2.3", "ten" },
        { "cidr:{{10.0.0.0/8 ten}}", "11.0.0.0", "-" },
        { "cidr:{{1.2.3.4 host}}", "1.2.3.4", "host" },
        { "cidr:{{0.0.0.0/0 all}}", "255.255.255.255", "all" },
        { "cidr:{{0.0.0.0/0 all}}", "::1", "-" },
        { "cidr:{{!10.0.0.0/8 other}}", "11.0.0.0", "other" },
        { "cidr:{{!10.0.0.0/8 other}}", "::1", "-" }, /* says nothing about the other family */
        { "cidr:{{[2001:db8::]/32 six}}", "2001:DB8::1", "six" },
        { "cidr:{{[2001:db8::/32] six}}", "2001:db8:ffff::1", "six" },
        { "cidr:{{2001:db8::/32 six}}", "2001:db9::1", "-" },
        { "cidr:{{::ffff:1.2.3.4 mapped}}", "1.2.3.4", "-" },
        { "cidr:{{10.0.0.0/8 ten}}", "name", "-" },
        { "cidr:{{10.0.0.0/8 ten}}", "010.0.0.5", "-" },
        { "cidr:{{10.0.0.1/8 bad}, {10.0.0.0/8 good}}", "10.0.0.1", "good" },
        { "cidr:{{if 10.0.0.0/8},{10.1.0.0/16 in},{endif},{0.0.0.0/0 out}}", "10.1.0.0", "in" },
        { "cidr:{{if 10.0.0.0/8},{10.1.0.0/16 in},{endif},{0.0.0.0/0 out}}", "10.2.0.0", "out" },
        { "cidr:{{if !10.0.0.0/8},{0.0.0.0/0 in},{endif}}", "10.2.0.0", "-" },
        { "cidr:{{if 10.0.0.0/8},{if 10.1.0.0/16},{0.0.0.0/0 deep},{endif},{0.0.0.0/0 "
          "one},{endif}}",
          "10.2.0.0", "one" },
        { "cidr:{{if 10.0.0.0/8},{if 10.1.0.0/16},{0.0.0.0/0 deep},{endif},{0.0.0.0/0 "
          "one},{endif}}",
          "10.1.0.0", "deep" },
    };

    run(cases, ARRAY_LEN(cases));
}

static void regexp_rules(void **state UNUSED)
{
    static const struct lookup_case cases[] = {
        { "regexp:{{/^A.c$/ x}}", "abc", "x" },
        { "regexp:{{/^A.c$/i x}}", "abc", "-" },
        { "regexp:{{/(a)(b)/ ${2}$(1)$$x}}", "ab", "ba$x" },
        { "regexp:{{/a|b()/ [$1 ]}}", "a", "[ ]" },
        { "regexp:{{!/a/ none}}", "b", "none" },
        { "regexp:{{!!/a/ twice}}", "a", "twice" },
        { "regexp:{{! /a/ none}}", "b", "none" },
        { "regexp:{{|a/b| x}}", "a/b", "x" },
        { "regexp:{{/a\\/b/ x}}", "a/b", "x" },
        { "regexp:{{/^b/ x}}", "a\nb", "-" },
        { "regexp:{{/^b/m x}}", "a\nb", "x" },
        { "regexp:{{/(b/x basic}}", "(b", "basic" },
        { "regexp:{{if /a/},{/b/ in},{endif},{/./ out}}", "ab", "in" },
        { "regexp:{{if /a/},{/b/ in},{endif},{/./ out}}", "b", "out" },
        { "regexp:{{if !/a/},{!/y/ in},{endif}}", "x", "in" },
        { "regexp:{{IF /a/},{/b/ in},{ENDIF}}", "ab", "in" },
        { "regexp:{{if /a/},{/b/ open}}", "ab", "open" },
        { "regexp:{{/x/ skipped $7},{/x/ next}}", "x", "next" },
        { "regexp:{{!/y/ $1},{/x/ next}}", "x", "next" },
        { "regexp:{{/(/ bad},{/x/ next}}", "x", "next" },
        { "regexp:{{/x/z bad},{/x/ next}}", "x", "next" },
        { "regexp:{{/^$/ empty}}", "", "empty" },
        { "regexp:{}", "x", "-" },
    };

    run(cases, ARRAY_LEN(cases));
}

static void pcre_rules(void **state UNUSED)
{
    static const struct lookup_case cases[] = {
        { "pcre:{{/^A.c$/ x}}", "abc", "x" },
        { "pcre:{{/^A.c$/i x}}", "abc", "-" },
        { "pcre:{{/(a)(b)/ ${2}$(1)$$x}}", "ab", "ba$x" },
        { "pcre:{{/a.b/ dot}}", "a\nb", "dot" },
        { "pcre:{{/a.b/s dot}}", "a\nb", "-" },
        { "pcre:{{/^b/m x}}", "a\nb", "x" },
        { "pcre:{{/b/A x}}", "ab", "-" },
        { "pcre:{{/(?<!a)b/ x}}", "ab", "-" },
        { "pcre:{{/(a)|(b)/ [$2 ]}}", "a", "[ ]" },
        { "pcre:{{/(b/ bad},{/x/ next}}", "x", "next" },
        { "pcre:{{if /a/},{/b/ in},{endif},{/./ out}}", "b", "out" },
    };

    run(cases, ARRAY_LEN(cases));
}

static void a_runaway_pattern_is_an_error_not_a_miss(void **state UNUSED)
{
    assert_lookup("pcre:{{/(a+)+[bd]$/ y}}", TABLE_DEFAULT,
                  "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaac", "!");
}

static void bad_rules_are_named(void **state UNUSED)
{
    static const char *const want[] = {
        ", line 3: ignoring unrecognized request\n",
        ", line 4: no closing regexp delimiter \"/\": skipping this rule\n",
        ", line 5: no replacement text: using empty string\n",
        ", line 6: unknown regexp option \"z\": skipping this rule\n",
        ", line 7: Unmatched ( or \\(\n",
        ", line 8: $number found in negative match replacement text: skipping this rule\n",
        ", line 9: out of range replacement index \"2\": skipping this rule\n",
        ", line 10: non-numeric replacement index \"1x\"\n",
        ", line 10: bad replacement syntax: skipping this rule\n",
        ", line 13: ignoring ENDIF without matching IF\n",
        ", line 14: no regexp: skipping this rule\n",
        ", line 15: ignoring extra text after IF statement: \"trailing\"\n",
        ", line 15: IF has no matching ENDIF\n",
    };
    char spec[200];
    size_t from = 0;

    write_file("bad",
               "# comment\n/a/ ok\nbogus line\n/open\n/empty/\n/x/z y\n/(/ x\n!/n/ $1\n/(a)/ $2\n"
               "/(b)/ ${1x}\n/c/ two\n   lines\nendif\nif\nif /z/ trailing\n/last/ found\n");
    snprintf(spec, sizeof spec, "regexp:%s", scratch_path("bad"));
    harness_reset();
    assert_lookup(spec, TABLE_DEFAULT, "c", "two   lines");
    for (size_t i = 0; i < ARRAY_LEN(want); i++) {
        size_t at = str_find_str(str_skip(buf_str(&logged), from), str_from(want[i]));
        if (at == STR_NOT_FOUND)
            print_error("missing or out of order: %s in\n%s", want[i], buf_cstr(&logged));
        assert_true(at != STR_NOT_FOUND);
        from += at + 1;
    }
}

static void privileged_callers_get_no_substitution(void **state UNUSED)
{
    assert_lookup("regexp:{{/(a)/ $1}, {/a/ plain}}", TABLE_DEFAULT | TABLE_NO_SUBSTITUTION, "a",
                  "plain");
    assert_lookup("pcre:{{/(a)/ $1}}", TABLE_DEFAULT | TABLE_NO_SUBSTITUTION, "a", "-");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(cidr_rules),
        cmocka_unit_test(regexp_rules),
        cmocka_unit_test(pcre_rules),
        cmocka_unit_test(a_runaway_pattern_is_an_error_not_a_miss),
        cmocka_unit_test(bad_rules_are_named),
        cmocka_unit_test(privileged_callers_get_no_substitution),
    };

    return cmocka_run_group_tests(tests, harness_begin, harness_end);
}
