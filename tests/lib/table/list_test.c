#include "lib/table/harness.h"
#include "table/list.h"

static struct table_list *open_list(const char *text)
{
    return table_list_open(str_from(text), "test_maps", TABLE_DEFAULT);
}

static void the_first_table_that_knows_the_key_decides(void **state UNUSED)
{
    struct table_list *l = open_list("inline:{a=1}, inline:{a=2, b=3}\n regexp:{{/^c/ 4}}");
    BUF_AUTO(value, 0);

    assert_int_equal(table_list_lookup(l, STR("a"), &value), TABLE_FOUND);
    assert_str(buf_str(&value), "1");
    assert_int_equal(table_list_lookup(l, STR("b"), &value), TABLE_FOUND);
    assert_str(buf_str(&value), "3");
    assert_str(table_list_last(l), "inline:{a=2, b=3}");
    assert_int_equal(table_list_lookup(l, STR("c"), &value), TABLE_FOUND);
    assert_int_equal(table_list_lookup_partial(l, STR("c"), &value), TABLE_NOT_FOUND);
    assert_int_equal(table_list_lookup(l, STR(""), &value), TABLE_NOT_FOUND);
    table_list_close(l);
}

static void a_failing_table_ends_the_search(void **state UNUSED)
{
    struct table_list *l = open_list("inline:{a=1}, fail:x, static:late");
    BUF_AUTO(value, 0);

    harness_reset();
    assert_int_equal(table_list_lookup(l, STR("b"), &value), TABLE_ERROR);
    assert_str(buf_str(&logged), "warning: fail:x lookup error for \"b\"\n");
    assert_int_equal(table_list_lookup(l, STR("a"), &value), TABLE_FOUND);
    table_list_close(l);
}

static void an_empty_result_is_refused(void **state UNUSED)
{
    struct table_list *l = open_list("inline:{a=}");

    harness_reset();
    assert_int_equal(table_list_lookup(l, STR("a"), NULL), TABLE_ERROR);
    assert_str(buf_str(&logged),
               "warning: inline:{a=} lookup of a returns an empty string result\n"
               "warning: inline:{a=} should return NO RESULT in case of NOT FOUND\n");
    table_list_close(l);
}

static void an_empty_list_knows_nothing(void **state UNUSED)
{
    struct table_list *l = open_list(" , ");

    assert_true(table_list_is_empty(l));
    assert_true(table_list_is_empty(NULL));
    assert_int_equal(table_list_lookup(l, STR("a"), NULL), TABLE_NOT_FOUND);
    assert_int_equal(table_list_lookup(NULL, STR("a"), NULL), TABLE_NOT_FOUND);
    table_list_close(l);
}

/* Text of somebody's must not be taken for the administrator's, nor for somebody else's. */
static void a_table_belongs_to_the_owner_of_its_file(void **state UNUSED)
{
    static const struct {
        const char *maps;
        uid_t owner;
    } rows[] = {
        { "texthash:%s/roots", 0 },
        { "texthash:%s/anas", 4000 },
        { "inline:{x={:include:/etc/passwd}}", 0 },
        { "inline:{a=1} texthash:%s/roots texthash:%s/anas", 0 },
        { "unionmap:{texthash:%s/roots, texthash:%s/anas}", 4000 },
        { "pipemap:{texthash:%s/roots, texthash:%s/anas}", 4000 },
        { "unionmap:{texthash:%s/luis, texthash:%s/anas}", TABLE_OWNER_MANY },
        { "debug:texthash:%s/anas", 4000 },
    };
    static const struct {
        const char *name;
        uid_t owner;
    } files[] = { { "roots", 0 }, { "anas", 4000 }, { "luis", 4001 } };

    if (geteuid() != 0)
        skip();
    for (size_t i = 0; i < ARRAY_LEN(files); i++) {
        write_file(files[i].name, "x x\n");
        assert_int_equal(chown(scratch_path(files[i].name), files[i].owner, 0), 0);
    }
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        BUF_AUTO(maps, 0);
        struct str left = str_from(rows[i].maps);

        for (size_t at; (at = str_find_str(left, STR("%s"))) != STR_NOT_FOUND;
             left = str_skip(left, at + 2))
            buf_join(&maps, str_sub(left, 0, at), str_from(scratch));
        buf_add(&maps, left);
        struct table_list *l = open_list(buf_cstr(&maps));
        assert_int_equal(table_list_lookup(l, STR("x"), NULL), TABLE_FOUND);
        assert_int_equal(table_list_last_owner(l), rows[i].owner);
        table_list_close(l);
    }
}

static enum table_result only_home_is_local(void *context UNUSED, struct str domain)
{
    return str_equal(domain, STR("broken"))        ? TABLE_ERROR
           : str_equal_nocase(domain, STR("home")) ? TABLE_FOUND
                                                   : TABLE_NOT_FOUND;
}

/* The keys that were tried, in order, as a debug: table logs them. */
static void keys_tried(const char *address, const struct address_walk *walk, struct buf *keys)
{
    struct table_list *l = open_list("debug:inline:{nothing=here}");

    harness_reset();
    assert_int_equal(table_list_lookup_address(l, str_from(address), walk, NULL, NULL),
                     TABLE_NOT_FOUND);
    struct str rest = buf_str(&logged), head = STR("inline:{nothing=here} lookup: \"");
    while (rest.len) {
        struct str line = str_cut(&rest, '\n');
        assert_true(str_skip_prefix(&line, head));
        buf_join(keys, keys->len ? STR(" ") : STR(""),
                 str_sub(line, 0, str_find_str(line, STR("\" = "))));
    }
    table_list_close(l);
}

static void addresses_are_tried_in_the_documented_order(void **state UNUSED)
{
    static const struct {
        unsigned keys;
        const char *address, *want;
    } cases[] = {
        { ADDRESS_KEYS_REWRITE, "u+x@far", "u+x@far u@far @far" },
        { ADDRESS_KEYS_REWRITE, "u+x@home", "u+x@home u@home u+x u @home" },
        { ADDRESS_KEYS_REWRITE, "u+x", "u+x u" },
        { ADDRESS_KEYS_REWRITE, "u@Far", "u@far @far" },
        { ADDRESS_KEYS_REWRITE, "+x@far", "+x@far @far" },
        { ADDRESS_KEYS_REWRITE, "owner-l@far", "owner-l@far @far" },
        { ADDRESS_KEYS_REWRITE, "l-request@far", "l-request@far @far" },
        { ADDRESS_KEYS_REWRITE, "l-x@far", "l-x@far l@far @far" },
        { ADDRESS_KEYS_REWRITE, "double-bounce@far", "double-bounce@far @far" },
        { ADDRESS_KEYS_REWRITE, "a b+x@far", "\"a b+x\"@far a b+x@far \"a b\"@far a b@far @far" },
        { ADDRESS_KEYS_REWRITE, "a@b@far", "\"a@b\"@far a@b@far @far" },
        { ADDRESS_KEYS_ACCESS | ADDRESS_KEY_PARENTS, "u+x@a.b.c",
          "u+x@a.b.c u@a.b.c a.b.c b.c c u+x@ u@" },
        { ADDRESS_KEYS_ACCESS | ADDRESS_KEY_DOTTED_PARENTS, "u@a.b.c", "u@a.b.c a.b.c .b.c .c u@" },
        { ADDRESS_KEY_FULL | ADDRESS_KEY_DOMAIN | ADDRESS_KEY_DOTTED_PARENTS, "u@a.b",
          "u@a.b a.b .b" },
        { ADDRESS_KEY_FULL | ADDRESS_KEY_AT_DOMAIN, "u@home", "u@home @home" },
        { ADDRESS_KEY_AT_DOMAIN, "u@home", "@home" },
        { ADDRESS_KEYS_REWRITE, "u@[1.2.3.4]", "u@[1.2.3.4] @[1.2.3.4]" },
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct address_walk walk = { .keys = cases[i].keys,
                                     .delimiters = STR("+-"),
                                     .domain_is_local = only_home_is_local };
        BUF_AUTO(keys, 0);
        keys_tried(cases[i].address, &walk, &keys);
        assert_string_equal(buf_cstr(&keys), cases[i].want);
    }
}

static void who_only_asks_whether_is_told_by_the_short_name(void **state UNUSED)
{
    struct address_walk walk = { .keys = ADDRESS_KEYS_REWRITE,
                                 .delimiters = STR("+"),
                                 .localpart_first = true,
                                 .domain_is_local = only_home_is_local };
    BUF_AUTO(at_home, 0);
    BUF_AUTO(far, 0);

    keys_tried("u+x@home", &walk, &at_home);
    assert_string_equal(buf_cstr(&at_home), "u+x u u+x@home u@home @home");
    keys_tried("u+x@far", &walk, &far);
    assert_string_equal(buf_cstr(&far), "u+x@far u@far @far");
}

static void what_matched_tells_whether_the_extension_is_left_over(void **state UNUSED)
{
    static const struct {
        const char *tables, *address, *value, *extension;
    } cases[] = {
        { "inline:{u+x@far=1}", "u+x@far", "1", "" },
        { "inline:{u@far=1}", "u+x@far", "1", "+x" },
        { "inline:{u@far=1}", "u@far", "1", "" },
        { "inline:{@far=1}", "u+x@far", "1", "+x" },
        { "inline:{u+x=1}", "u+x@home", "1", "" },
        { "inline:{u=1}", "u+x@HOME", "1", "+x" },
        { "inline:{\"a b\"@far=1}", "a b@far", "-", "" },
        { "inline:{{\"a b\"@far=1}}", "a b@far", "-", "" },
        { "regexp:{{/^\"a b\"@far/ 1}}", "a b@far", "1", "" },
        { "regexp:{{/^u@/ 1}}", "u+x@far", "-", "" },
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct address_walk walk = { .keys = ADDRESS_KEYS_REWRITE,
                                     .delimiters = STR("+"),
                                     .domain_is_local = only_home_is_local };
        struct table_list *l = open_list(cases[i].tables);
        BUF_AUTO(value, 0);
        BUF_AUTO(extension, 0);
        enum table_result result =
            table_list_lookup_address(l, str_from(cases[i].address), &walk, &value, &extension);

        assert_true(result != TABLE_ERROR || strcmp(cases[i].value, "-") == 0);
        assert_str(result == TABLE_FOUND ? buf_str(&value) : STR("-"), cases[i].value);
        assert_str(buf_str(&extension), cases[i].extension);
        table_list_close(l);
    }
}

static void not_knowing_whether_a_domain_is_local_is_an_error(void **state UNUSED)
{
    struct address_walk walk = { .keys = ADDRESS_KEYS_REWRITE,
                                 .domain_is_local = only_home_is_local };
    struct table_list *l = open_list("inline:{@broken=1}");

    assert_int_equal(table_list_lookup_address(l, STR("u@broken"), &walk, NULL, NULL), TABLE_ERROR);
    table_list_close(l);
}

static void names_and_addresses_are_tried_with_their_parents(void **state UNUSED)
{
    struct table_list *l = open_list("inline:{.b.c=dotted, c=plain, 10.1=net, 2001:db8=six}");
    BUF_AUTO(value, 0);

    assert_int_equal(table_list_lookup_domain(l, STR("a.b.c"), false, &value), TABLE_FOUND);
    assert_str(buf_str(&value), "dotted");
    assert_int_equal(table_list_lookup_domain(l, STR("a.b.c"), true, &value), TABLE_FOUND);
    assert_str(buf_str(&value), "plain");
    assert_int_equal(table_list_lookup_domain(l, STR("x.y"), true, &value), TABLE_NOT_FOUND);
    assert_int_equal(table_list_lookup_ip(l, STR("10.1.2.3"), &value), TABLE_FOUND);
    assert_str(buf_str(&value), "net");
    assert_int_equal(table_list_lookup_ip(l, STR("10.2.2.3"), &value), TABLE_NOT_FOUND);
    assert_int_equal(table_list_lookup_ip(l, STR("2001:db8::1"), &value), TABLE_FOUND);
    assert_str(buf_str(&value), "six");
    assert_int_equal(table_list_lookup_ip(l, STR("::1"), &value), TABLE_NOT_FOUND);
    table_list_close(l);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_first_table_that_knows_the_key_decides),
        cmocka_unit_test(a_failing_table_ends_the_search),
        cmocka_unit_test(an_empty_result_is_refused),
        cmocka_unit_test(an_empty_list_knows_nothing),
        cmocka_unit_test(a_table_belongs_to_the_owner_of_its_file),
        cmocka_unit_test(addresses_are_tried_in_the_documented_order),
        cmocka_unit_test(who_only_asks_whether_is_told_by_the_short_name),
        cmocka_unit_test(what_matched_tells_whether_the_extension_is_left_over),
        cmocka_unit_test(not_knowing_whether_a_domain_is_local_is_an_error),
        cmocka_unit_test(names_and_addresses_are_tried_with_their_parents),
    };

    return cmocka_run_group_tests(tests, harness_begin, harness_end);
}
