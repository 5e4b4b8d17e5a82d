
#include "text/address.h"
#include "unit.h"

struct pair {
    const char *external, *internal; /* NULL: refused */
};

static const struct pair pairs[] = {
    { "paco@example.test", "paco@example.test" },
    { "paco", "paco" },
    { "", "" },
    { "\"odd name\"@example.test", "odd name@example.test" },
    { "\"pa\\co\"@example.test", "paco@example.test" },
    { "\"pa\\\\co\"@example.test", "pa\\co@example.test" },
    { "paco@far.test@example.test", "paco@far.test@example.test" },
    { "@a,@b:u@c", "u@c" },
    { "@a.test:\"x y\"@c", "x y@c" },
    { "@[IPv6:::1],@b:u@c", "u@c" },
    { "@a:@b:u@c", NULL },
    { "u@[1.2.3.4]", "u@[1.2.3.4]" },
    { "u@[1.2.3.4].", "u@[1.2.3.4]." },
    { " a @ b ", "a@b" },
    { "Joe <a@b>", "a@b" },
    { "a@b (comment (nested))", "a@b" },
    { "<>", "" },
    { "host!user", "host!user" },
    { "a.\"b c\".d@e", "a.b c.d@e" },
    { "a@", NULL },
    { "@", NULL },
    { "@a", "@a" },
    { "@a:", NULL },
    { "\"\"", "" },
    { "\"\"@b", "@b" },
    { "<@b>", "@b" },
    { "u@[1.2.3.4", "u@[1.2.3.4]" },
    { "x:y@c", "x:y@c" },
    { "a\\@b", "a@b" },
    { "a\\ b@c", "a b@c" },
    { "a\\", NULL },
    { "<\"\">", "" },
    { "a b@c", NULL },
    { "\"a@b", NULL },
    { "a@b, c@d", NULL },
    { "a@b (", NULL },
    { "a@b)", NULL },
    { "a@\"b c\"", NULL },
    { "a@[b", "a@[b]" },
    { "@a.@b:<@,:>", NULL },
    { "a@b>", NULL },
    { "<a@b", NULL },
    { "<a@b> c", NULL },
    { "a\nb@c", NULL },
};

static void external_form_becomes_internal(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(pairs); i++) {
        BUF_AUTO(got, 200);
        bool good = address_unquote(str_from(pairs[i].external), &got);
        if (good != (pairs[i].internal != NULL))
            fail_msg("%s: %d", pairs[i].external, good);
        if (good)
            assert_string_equal(buf_cstr(&got), pairs[i].internal);
        assert_true(good || got.len == 0);
    }
}

static void internal_form_is_quoted_when_it_must(void **state)
{
    (void)state;
    static const struct pair cases[] = {
        { "paco@example.test", "paco@example.test" },
        { "\"odd name\"@example.test", "odd name@example.test" },
        { "\"a@b\"@c", "a@b@c" },
        { "\"@a,@b:u\"@c", "@a,@b:u@c" },
        { "\"a\\\"b\\\\\"@c", "a\"b\\@c" },
        { "\".a\"@c", ".a@c" },
        { "\"a..b\"", "a..b" },
        { "ma\xc3\xb1"
          "ana@c",
          "ma\xc3\xb1"
          "ana@c" },
        { "\"\"@c", "@c" },
        { "", "" },
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        BUF_AUTO(got, 200);
        address_quote(str_from(cases[i].internal), &got);
        assert_string_equal(buf_cstr(&got), cases[i].external);
    }
}

static void strict_form_has_nothing_but_the_address(void **state)
{
    (void)state;
    BUF_AUTO(got, 200);

    assert_true(address_unquote_strict(STR("\"a b\"@c"), &got));
    assert_false(address_unquote_strict(STR("a@b (c)"), &got));
    assert_false(address_unquote_strict(STR("<a@b>"), &got));
    assert_false(address_unquote_strict(STR(" a@b"), &got));
}

static void extension_is_split_unless_the_name_is_reserved(void **state)
{
    (void)state;
    static const struct {
        const char *local, *delimiters, *base, *extension;
    } cases[] = {
        { "user+ext", "+", "user", "ext" },
        { "user-a+b", "+-", "user", "a+b" },
        { "user+", "+", "user", "" },
        { "+ext", "+", NULL, NULL },
        { "user", "+", NULL, NULL },
        { "user+ext", "", NULL, NULL },
        { "owner-list", "-", NULL, NULL },
        { "list-request", "-", NULL, NULL },
        { "owner+list", "+", "owner", "list" },
        { "double-bounce", "-", NULL, NULL },
        { "MAILER-DAEMON", "-", NULL, NULL },
    };
    struct address_extension_rule rule = { .owner_request_special = true,
                                           .double_bounce = STR("double-bounce") };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct str base, extension;
        char delimiter;
        rule.delimiters = str_from(cases[i].delimiters);
        bool split =
            address_split_extension(&rule, str_from(cases[i].local), &base, &delimiter, &extension);
        assert_int_equal(split, cases[i].base != NULL);
        if (split) {
            assert_true(str_equal(base, str_from(cases[i].base)));
            assert_true(str_equal(extension, str_from(cases[i].extension)));
        }
    }
}

/* `before|address|after` of each item, `<` marks brackets, `{` and `}` groups. */
static void describe(const struct address_list *list, struct buf *out)
{
    for (size_t i = 0; i < list->count; i++) {
        const struct address_item *it = &list->items[i];
        if (it->kind == ADDRESS_GROUP_END) {
            buf_add(out, STR("};"));
            continue;
        }
        buf_join(out, it->before, it->kind == ADDRESS_GROUP_START ? STR("{") : STR("|"));
        if (it->kind == ADDRESS_MAILBOX)
            buf_join(out, it->angle ? STR("<") : STR(""), it->address, STR("|"), it->after);
        buf_add(out, STR(";"));
    }
}

static void lists_are_taken_apart(void **state)
{
    (void)state;
    static const struct {
        const char *text, *items, *formatted;
    } cases[] = {
        { "a@b", "|a@b|;", "a@b" },
        { "Joe Doe <a@b>", "Joe Doe|<a@b|;", "Joe Doe <a@b>" },
        { "a, b@c ,, d", "|a|;|b@c|;|d|;", "a, b@c, d" },
        { "a b", "|a|;|b|;", "a, b" },
        { "<a> b", "|<a|;|b|;", "<a>, b" },
        { "\"x y\"@z (home)", "|x y@z|(home);", "\"x y\"@z (home)" },
        { "(pre) a@b", "|a@b|(pre);", "a@b (pre)" },
        { "\"Doe, J.\" <a@b> (c)", "\"Doe, J.\"|<a@b|(c);", "\"Doe, J.\" <a@b>(c)" },
        { "J. R. Doe\n <a @ b>", "J.R.Doe|<a@b|;", "J.R.Doe <a@b>" },
        { "g: a, b; , c", "g{;|a|;|b|;};|c|;", "g: a, b;, c" },
        { "undisclosed:;", "undisclosed{;};", "undisclosed: ;" },
        { "<>", "|<|;", "<>" },
        { "<@a,@b:u@c>", "|<@a,@b:u@c|;", "<\"@a,@b:u\"@c>" },
        { ":include:/a/b.c, x", "|:include:/a/b.c|;|x|;", "\":include:/a/b.c\", x" },
        { "\"|cmd \\\"x\\\" y\", /file, \\user", "||cmd \"x\" y|;|/file|;|\\user|;",
          "\"|cmd \\\"x\\\" y\", /file, \"\\\\user\"" },
        { "<a@[b\\]>, c", "|<a@[b\\]|;|c|;", "<a@[b\\]>, c" },
        { "u@[1.2.3.4]", "|u@[1.2.3.4]|;", "u@[1.2.3.4]" },
        { "x\\y@z, \\x@z, \\u", "|xy@z|;|x@z|;|\\u|;", "xy@z, x@z, \"\\\\u\"" },
        { "a:b@c", "|a:b@c|;", "\"a:b\"@c" },
        { "(only)", "(only)||;", "(only)" },
        { "", "", "" },
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        ARENA_AUTO(a);
        BUF_AUTO(items, 500);
        BUF_AUTO(text, 500);
        struct address_list list;
        address_list_parse(&a, str_from(cases[i].text), 100, &list);
        describe(&list, &items);
        assert_string_equal(buf_cstr(&items), cases[i].items);
        address_list_format(&list, 0, 0, &text);
        assert_string_equal(buf_cstr(&text), cases[i].formatted);
    }
}

static void long_lists_are_folded_between_addresses(void **state)
{
    (void)state;
    ARENA_AUTO(a);
    BUF_AUTO(text, 500);
    struct address_list list;

    address_list_parse(&a, STR("aaaaaaaa@b, cccccccc@d, e"), 100, &list);
    address_list_format(&list, 4, 24, &text);
    assert_string_equal(buf_cstr(&text), "aaaaaaaa@b,\n\tcccccccc@d, e");
}

static void too_many_words_are_cut(void **state)
{
    (void)state;
    ARENA_AUTO(a);
    struct address_list list;

    address_list_parse(&a, STR("a,b,c,d"), 4, &list);
    assert_true(list.truncated);
    assert_int_equal(list.count, 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(external_form_becomes_internal),
        cmocka_unit_test(internal_form_is_quoted_when_it_must),
        cmocka_unit_test(strict_form_has_nothing_but_the_address),
        cmocka_unit_test(extension_is_split_unless_the_name_is_reserved),
        cmocka_unit_test(lists_are_taken_apart),
        cmocka_unit_test(long_lists_are_folded_between_addresses),
        cmocka_unit_test(too_many_words_are_cut),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
