#include "lib/table/harness.h"
#include "table/source.h"

static void read_source(const char *text, bool alias, struct buf *out)
{
    const struct source_options options = { .name = "src", .utf8 = true };
    struct source source;
    struct source_entry e;

    source_init(&source, &options, str_from(text));
    while (alias ? source_next_alias(&source, &e) : source_next(&source, &e))
        buf_addf(out, "%u[" STR_FMT "|" STR_FMT "]", e.line, STR_ARG(e.key), STR_ARG(e.value));
    source_fini(&source);
}

struct source_case {
    const char *text, *entries, *warnings;
};

static void run(const struct source_case *cases, size_t count, bool alias)
{
    for (size_t i = 0; i < count; i++) {
        BUF_AUTO(entries, 0);

        harness_reset();
        read_source(cases[i].text, alias, &entries);
        assert_string_equal(buf_cstr(&entries), cases[i].entries);
        assert_string_equal(buf_cstr(&logged), cases[i].warnings);
    }
}

static void lines_of_postmap(void **state UNUSED)
{
    static const struct source_case cases[] = {
        { "k v\n", "1[k|v]", "" },
        { "k\tv w  \r\n", "1[k|v w]", "" },
        { "# c\n\n  # ind\nk v", "4[k|v]", "" },
        { "k2 v2\n  cont  \n# c\n\n more\nx y\n", "1[k2|v2  cont   more]6[x|y]", "" },
        { "k\n v\n", "1[k|v]", "" },
        { "\"a b\"@d v\n", "1[\"a b\"@d|v]", "" },
        { "\"a\\\" b\" v\n", "1[\"a\\\" b\"|v]", "" },
        { "a#b c # d\n", "1[a#b|c # d]", "" },
        { "k\nx y\n", "2[x|y]", "warning: src, line 1: expected format: key whitespace value\n" },
        { "\"k v\nx y\n", "2[x|y]",
          "warning: src, line 1: unbalanced '\"' in '\"k v' -- ignoring this line\n" },
        { "k: v\n", "1[k:|v]",
          "warning: src, line 1: record is in \"key: value\" format; is this an alias file?\n" },
        { "k \377\nx y\n", "2[x|y]",
          "warning: src, line 1: non-UTF-8 input \"k ?\" -- ignoring this line\n" },
        { " k v\nx y\n", "2[x|y]",
          "warning: src, line 1: logical line must not start with whitespace -- ignoring this "
          "line\n" },
        { "", "", "" },
    };

    run(cases, ARRAY_LEN(cases), false);
}

static void lines_of_aliases(void **state UNUSED)
{
    static const char no_pair[] = "warning: src, line 1: need name:value pair\n";
    static const char not_local[] = "warning: src, line 1: name must be local\n";
    static const struct source_case cases[] = {
        { "root: a\n", "1[root|a]", "" },
        { "k: a,b , c\n", "1[k|a, b, c]", "" },
        { "Foo : bar\n , baz\n", "1[Foo|bar, baz]", "" },
        { "k: <a>,<b>\n", "1[k|<a>, <b>]", "" },
        { "k: a <b> c\n", "1[k|a <b>c]", "" },
        { "k: x<y\n", "1[k|x <y]", "" },
        { "k: a,,b,\n", "1[k|a, , b, ]", "" },
        { "k: \"a\"\"b\" c\"d\"e\n", "1[k|\"a\" \"b\" c \"d\" e]", "" },
        { "k: |\"/bin/x y\" a, |cmd arg\n", "1[k||\"/bin/x y\" a, |cmd arg]", "" },
        { "k: \"|/bin/x \\\"b\\\"\"\n", "1[k|\"|/bin/x \\\"b\\\"\"]", "" },
        { "k: /a/b,  :include:/x/y\n", "1[k|/a/b, :include:/x/y]", "" },
        { "k: d . e @ f\n", "1[k|d.e@f]", "" },
        { "k: (c) a(c2)b\n", "1[k|(c) a (c2) b]", "" },
        { "k: group: a, b;, c\n", "1[k|group:a, b;, c]", "" },
        { "k: [1.2.3.4], a@[1.2.3.4]\n", "1[k|[1.2.3.4], a@[1.2.3.4]]", "" },
        { "k: a\\b, a\\,b, \"a\\\\b\"\n", "1[k|ab, \"a,b\", \"a\\\\b\"]", "" },
        { "k: \"open\n", "1[k|\"open\"]", "" },
        { "k: (open\n", "1[k|(open]", "" },
        { "\"x y\": a\n", "1[x y|a]", "" },
        { "\"q\\\"q\": z\n", "1[q\"q|z]", "" },
        { "two words: x\n", "1[two words|x]", "" },
        { "a\"b\": x\n", "1[a b|x]", "" },
        { "\"k:1\": b\n", "1[k:1|b]", "" },
        { "<k>: z\n", "1[<k>|z]", "" },
        { "a;b: z\n", "1[a;b|z]", "" },
        { "k:a:b\n", "1[k|a:b]", "" },
        { "noval:\n", "", no_pair },
        { "bad\n", "", no_pair },
        { "a,b: z\n", "", no_pair },
        { ":x\n", "", no_pair },
        { "a@b: c\n", "", not_local },
        { "@b: c\n", "", not_local },
    };

    run(cases, ARRAY_LEN(cases), true);
}

static void files_become_base64(void **state UNUSED)
{
    BUF_AUTO(names, 0);
    BUF_AUTO(out, 0);
    BUF_AUTO(error, 0);

    write_file("one", "ab");
    write_file("two", "c");
    buf_add_cstr(&names, scratch_path("one"));
    buf_addc(&names, ' ');
    buf_add_cstr(&names, scratch_path("two"));
    assert_true(source_encode_files(buf_str(&names), &out, &error));
    assert_str(buf_str(&out), "YWJj");
    assert_false(source_encode_files(STR("/no/such"), &out, &error));
    assert_str(buf_str(&error), "open /no/such: No such file or directory");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lines_of_postmap),
        cmocka_unit_test(lines_of_aliases),
        cmocka_unit_test(files_become_base64),
    };

    return cmocka_run_group_tests(tests, harness_begin, harness_end);
}
