#include "lib/table/harness.h"
#include "table/driver.h"

#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

struct lookup_case {
    const char *spec, *key, *want;
};

static void each_type_answers(void **state UNUSED)
{
    static const struct lookup_case cases[] = {
        { "inline:{ {x = a b}, y=2 }", "x", "a b" },
        { "inline:{x=1,x=2}", "X", "2" },
        { "inline:{x=1}", "z", "-" },
        { "inline:{x={a,b}}", "x", "{a,b}" },
        { "static:a b", "anything", "a b" },
        { "static:{ a  b }", "x", "a  b" },
        { "fail:x", "x", "!" },
        { "pipemap:{static:a,inline:{a=b},inline:{b=c}}", "x", "c" },
        { "pipemap:{static:a,inline:{b=c}}", "x", "-" },
        { "pipemap:{static:a,fail:b}", "x", "!" },
        { "pipemap:{ static:a , static:b }", "x", "b" },
        { "unionmap:{static:a,inline:{y=1},static:c}", "x", "a,c" },
        { "unionmap:{inline:{y=1}}", "x", "-" },
        { "unionmap:{static:a,fail:x}", "x", "!" },
        { "randmap:{a}", "x", "a" },
        { "proxy:inline:{x=1}", "X", "1" },
        { "debug:static:y", "x", "y" },
        { "internal:x", "x", "-" },
        { "unix:passwd.byname", "no-such-user-here", "-" },
        { "nosuchtype:x", "x", "!" },
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        assert_lookup(cases[i].spec, TABLE_DEFAULT, cases[i].key, cases[i].want);
}

static void root_is_found_in_the_user_database(void **state UNUSED)
{
    struct table *t = table_open(STR("unix:passwd.byname"), TABLE_DEFAULT, NULL);
    BUF_AUTO(line, 0);

    assert_int_equal(table_lookup(t, STR("root"), &line), TABLE_FOUND);
    assert_true(str_starts(buf_str(&line), STR("root:")));
    table_close(t);
}

/* Processes made of one, in a jail without name services: none may be told that a user does not exist. */
static int look_up_in(const char *jail)
{
    struct table *t = table_open(STR("unix:passwd.byname"), TABLE_DEFAULT, NULL);
    int status, failed = 0;

    if (chroot(jail) != 0)
        return 0; /* only root can see this */
    for (int i = 0; i < 3; i++)
        if (fork() == 0) {
            BUF_AUTO(line, 0);
            bool found = true;
            for (int n = 0; n < 3000 && found; n++)
                found = table_lookup(t, STR("root"), &line) == TABLE_FOUND;
            _exit(!found);
        }
    while (wait(&status) > 0)
        failed += status != 0;
    return failed;
}

static void clones_in_a_jail_read_the_user_database_at_once(void **state UNUSED)
{
    char jail[] = "/tmp/table-test-XXXXXX";
    int status;

    assert_non_null(mkdtemp(jail));
    pid_t pid = fork();
    if (pid == 0)
        _exit(look_up_in(jail));
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(rmdir(jail), 0);
    assert_int_equal(status, 0);
}

static void a_bad_name_says_what_is_wrong(void **state UNUSED)
{
    static const struct {
        const char *spec, *error;
    } cases[] = {
        { "nosuchtype:x", "unsupported dictionary type: nosuchtype" },
        { "mysql:/x", "unsupported dictionary type: mysql" },
        { "static:", "open dictionary: expecting \"type:name\" form instead of \"static:\"" },
        { ":x", "open dictionary: expecting \"type:name\" form instead of \":x\"" },
        { "static:{a}b", "bad static:name syntax: syntax error after '}' in \"{a}b\"" },
        { "inline:{}", "bad syntax: \"inline:{}\"; need \"inline:{name=value...}\"" },
        { "inline:{x}",
          "missing '=' after attribute name: \"inline:{x}\"; need \"inline:{name=value...}\"" },
        { "inline:{{x=1}y}", "syntax error after '}' in \"{x=1}y\": \"inline:{{x=1}y}\"; need "
                             "\"inline:{name=value...}\"" },
        { "pipemap:{}", "bad syntax: \"pipemap:{}\"; need \"pipemap:{type:name...}\"" },
        { "randmap:a", "bad syntax: \"randmap:a\"; need \"randmap:{value...}\"" },
        { "unionmap:{static:a,nosuch:b}", "unsupported dictionary type: nosuch" },
        { "unix:foo", "unknown table: unix:foo" },
        { "texthash:/no/such", "open database /no/such: No such file or directory" },
        { "regexp:/no/such", "open /no/such: No such file or directory" },
        { "regexp:{/a/ b}", "regexp map: no '{' at start of text in \"/a/\"" },
        { "cidr:{{10.0.0.0/8 x}", "cidr map: missing '}' in \"{{10.0.0.0/8 x}\"" },
    };

    harness_reset();
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        BUF_AUTO(error, 0);
        struct table *t = table_open(str_from(cases[i].spec), TABLE_DEFAULT | TABLE_QUIET, &error);
        assert_string_equal(buf_cstr(&error), cases[i].error);
        assert_false(table_is_open(t));
        table_close(t);
    }
    assert_string_equal(
        buf_cstr(&logged),
        "warning: unsupported dictionary type: nosuchtype. Is the postfix-nosuchtype package "
        "installed?\n"
        "warning: unsupported dictionary type: mysql. Is the postfix-mysql package installed?\n"
        "warning: unsupported dictionary type: nosuch. Is the postfix-nosuch package installed?\n");
}

static void a_table_that_is_not_there_fails_each_lookup_with_a_warning(void **state UNUSED)
{
    struct table *t = table_open(STR("hash:/no/such"), TABLE_DEFAULT, NULL);

    harness_reset();
    assert_int_equal(table_lookup(t, STR("k"), NULL), TABLE_ERROR);
    assert_true(str_starts(
        buf_str(&logged),
        STR("warning: hash:/no/such is unavailable. open database /no/such.lmdb: No such file or "
            "directory (build it with \"postmap hash:/no/such\"")));
    table_close(t);
}

static void a_site_may_want_no_program_without_its_tables(void **state UNUSED)
{
    int status;
    pid_t pid = fork();

    if (pid == 0) {
        site_conf.daemon_table_open_error_is_fatal = true;
        table_close(table_open(STR("texthash:/no/such/file"), TABLE_DEFAULT, NULL));
        _exit(0);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 1);
}

static void the_same_table_is_shared(void **state UNUSED)
{
    struct table *a = table_open(STR("inline:{x=1}"), TABLE_DEFAULT, NULL);
    struct table *b = table_open(STR("inline:{x=1}"), TABLE_DEFAULT, NULL);
    struct table *c = table_open(STR("inline:{x=1}"), 0, NULL);

    assert_ptr_equal(a, b);
    assert_ptr_not_equal(a, c);
    table_close(a);
    assert_int_equal(table_lookup(b, STR("x"), NULL), TABLE_FOUND);
    table_close(b);
    table_close(c);
}

static void keys_are_folded_as_unicode_unless_told_otherwise(void **state UNUSED)
{
    assert_lookup("inline:{STRASSE=1}", TABLE_DEFAULT, "Stra\303\237e", "1");
    assert_lookup("inline:{\303\204=1}", TABLE_DEFAULT, "\303\244", "1");
    assert_lookup("inline:{X=1}", 0, "x", "-");
    assert_lookup("inline:{X=1}", 0, "X", "1");
    assert_lookup("static:1", TABLE_DEFAULT, "\377", "-");
    site_conf.smtputf8_enable = false;
    assert_lookup("static:1", TABLE_DEFAULT, "\377", "1");
    assert_lookup("inline:{\303\204=1}", TABLE_DEFAULT, "\303\244", "-");
    site_conf.smtputf8_enable = true;
}

static void only_tables_of_fixed_strings_take_partial_keys(void **state UNUSED)
{
    static const struct {
        const char *spec;
        bool partial;
    } cases[] = {
        { "inline:{x=1}", true },
        { "static:x", true },
        { "regexp:{{/x/ y}}", false },
        { "cidr:{{10.0.0.0/8 y}}", false },
        { "unionmap:{static:x,static:y}", true },
        { "unionmap:{static:x,regexp:{{/x/ y}}}", false },
        { "proxy:regexp:{{/x/ y}}", false },
        { "proxy:static:x", true },
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct table *t = table_open(str_from(cases[i].spec), TABLE_DEFAULT, NULL);
        assert_int_equal(table_takes_partial_keys(t), cases[i].partial);
        table_close(t);
    }
}

static void a_text_table_reads_the_source_format(void **state UNUSED)
{
    char spec[200];

    write_file("src", "# c\nKey one\n  two \nkey dup\n\"a b\"@d v\nempty\n");
    snprintf(spec, sizeof spec, "texthash:%s", scratch_path("src"));
    harness_reset();
    assert_lookup(spec, TABLE_DEFAULT, "KEY", "one  two");
    assert_lookup(spec, TABLE_DEFAULT, "\"A b\"@D", "v");
    assert_non_null(strstr(buf_cstr(&logged), "line 4: duplicate entry: \"key\"\n"));
    assert_non_null(
        strstr(buf_cstr(&logged),
               "line 6: expected format: key whitespace value -- ignoring this line\n"));
}

static void values_may_be_files(void **state UNUSED)
{
    char spec[200];

    write_file("content", "hello\n");
    snprintf(spec, sizeof spec, "inline:{x=%s}", scratch_path("content"));
    assert_lookup(spec, TABLE_DEFAULT | TABLE_VALUES_ARE_FILES, "x", "hello\n");
    snprintf(spec, sizeof spec, "static:%s", scratch_path("content"));
    assert_lookup(spec, TABLE_DEFAULT | TABLE_VALUES_ARE_FILES, "x", "hello\n");
    snprintf(spec, sizeof spec, "randmap:{%s}", scratch_path("content"));
    assert_lookup(spec, TABLE_DEFAULT | TABLE_VALUES_ARE_FILES, "x", "hello\n");
    snprintf(spec, sizeof spec, "regexp:{{/x/ %s}}", scratch_path("content"));
    assert_lookup(spec, TABLE_DEFAULT | TABLE_VALUES_ARE_FILES, "x", "hello\n");
}

static void a_cache_keeps_what_is_written(void **state UNUSED)
{
    static const char *const types[] = { "lmdb", "btree", "internal" };

    for (size_t i = 0; i < ARRAY_LEN(types); i++) {
        char spec[200];
        BUF_AUTO(position, 0);
        BUF_AUTO(key, 0);
        BUF_AUTO(value, 0);
        size_t seen = 0;

        snprintf(spec, sizeof spec, "%s:%s", types[i], scratch_path(types[i]));
        struct table *t = table_open(str_from(spec), TABLE_FOLD | TABLE_WRITE, NULL);
        assert_true(table_is_open(t));
        assert_true(table_update(t, STR("A"), STR("1")));
        assert_true(table_update(t, STR("b"), STR("2")));
        assert_true(table_update(t, STR("b"), STR("3")));
        assert_true(table_delete(t, STR("never")));
        assert_int_equal(table_lookup(t, STR("B"), &value), TABLE_FOUND);
        assert_str(buf_str(&value), "3");
        while (table_next(t, &position, &key, &value) == TABLE_FOUND) {
            assert_true(table_delete(t, buf_str(&key)));
            seen++;
        }
        assert_int_equal(seen, 2);
        assert_int_equal(table_lookup(t, STR("a"), NULL), TABLE_NOT_FOUND);
        table_close(t);
    }
}

static void a_cache_grows_past_its_first_size(void **state UNUSED)
{
    char spec[200], big[4000];
    struct table *t;

    memset(big, 'x', sizeof big);
    snprintf(spec, sizeof spec, "lmdb:%s", scratch_path("growing"));
    t = table_open(str_from(spec), TABLE_WRITE, NULL);
    for (int i = 0; i < 2000; i++) {
        char key[16];
        snprintf(key, sizeof key, "k%d", i);
        assert_true(table_update(t, str_from(key), (struct str){ big, sizeof big }));
    }
    assert_int_equal(table_lookup(t, STR("k0"), NULL), TABLE_FOUND);
    table_close(t);
}

static enum table_result say_type(struct table *t UNUSED, struct str key UNUSED, struct str *value)
{
    *value = STR("from elsewhere");
    return TABLE_FOUND;
}

static bool open_elsewhere(struct table *t, struct buf *error UNUSED)
{
    static const struct table_ops ops = { .lookup = say_type };

    t->ops = &ops;
    return true;
}

static void a_type_that_registers_itself_is_like_one_that_is_built_in(void **state UNUSED)
{
    static const struct table_type elsewhere = { "elsewhere", open_elsewhere, TABLE_FIXED };
    BUF_AUTO(types, 0);

    assert_false(table_type_exists(STR("elsewhere")));
    table_type_register(&elsewhere);
    assert_true(table_type_exists(STR("elsewhere")));
    assert_false(table_type_is_indexed(STR("elsewhere")));
    assert_lookup("elsewhere:x", TABLE_DEFAULT, "k", "from elsewhere");
    table_types(&types);
    assert_non_null(strstr(buf_cstr(&types), "debug\nelsewhere\nenviron\n"));
}

static void every_type_of_this_folder_is_known(void **state UNUSED)
{
    static const char *const names[] = { "btree",    "cidr",     "debug",    "environ", "fail",
                                         "hash",     "inline",   "internal", "lmdb",    "pcre",
                                         "pipemap",  "proxy",    "randmap",  "regexp",  "static",
                                         "texthash", "unionmap", "unix" };

    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        assert_true(table_type_exists(str_from(names[i])));
    assert_true(table_type_is_indexed(STR("hash")));
    assert_false(table_type_is_indexed(STR("cidr")));
    assert_false(table_type_exists(STR("pgsql")));
}

static void a_damaged_cache_starts_afresh(void **state UNUSED)
{
    char spec[200];
    struct table *t;

    write_file("damaged.lmdb", "this is no database, and long enough not to be an empty file");
    snprintf(spec, sizeof spec, "lmdb:%s", scratch_path("damaged"));
    t = table_open(str_from(spec), TABLE_WRITE, NULL);
    assert_true(table_is_open(t));
    assert_true(table_update(t, STR("k"), STR("v")));
    table_close(t);
}

static void an_edited_text_table_is_noticed(void **state UNUSED)
{
    char spec[200], other[200];
    BUF_AUTO(name, 0);

    write_file("rules", "/x/ y\n");
    snprintf(spec, sizeof spec, "regexp:%s", scratch_path("rules"));
    struct table *t = table_open(str_from(spec), TABLE_DEFAULT, NULL);
    assert_false(tables_have_changed(&name));
    write_file("rules.new", "/x/ z\n");
    snprintf(other, sizeof other, "%s", scratch_path("rules.new"));
    assert_int_equal(rename(other, scratch_path("rules")), 0);
    assert_true(tables_have_changed(&name));
    assert_true(str_ends(buf_str(&name), STR("(0,lock|fold_fix|utf8_request)")));
    table_close(t);
}

static void a_file_that_was_replaced_while_it_was_opened_is_noticed(void **state UNUSED)
{
    struct table t = { .watch = { .fd = -1, .link = -1 } };
    char path[] = "/tmp/table-test.XXXXXX";
    int fd = mkstemp(path);

    assert_true(fd >= 0);
    assert_int_equal(unlink(path), 0);
    table_watch_start(&t, fd, false, false);
    assert_true(table_watch_has_changed(&t.watch));
    close(fd);
}

static void keys_that_are_no_utf8_do_not_fill_the_log(void **state UNUSED)
{
    struct table *t = table_open(STR("inline:{a=1}"), TABLE_DEFAULT, NULL);
    size_t lines = 0;

    harness_reset();
    for (int i = 0; i < 1000; i++)
        assert_int_equal(table_lookup(t, STR("\xff"), NULL), TABLE_NOT_FOUND);
    for (size_t i = 0; i < logged.len; i++)
        lines += logged.ptr[i] == '\n';
    assert_int_equal(lines, 100);
    table_close(t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        /* first: no lookup before it has loaded a name service that knows root by heart */
        cmocka_unit_test(clones_in_a_jail_read_the_user_database_at_once),
        cmocka_unit_test(each_type_answers),
        cmocka_unit_test(root_is_found_in_the_user_database),
        cmocka_unit_test(a_bad_name_says_what_is_wrong),
        cmocka_unit_test(a_table_that_is_not_there_fails_each_lookup_with_a_warning),
        cmocka_unit_test(a_site_may_want_no_program_without_its_tables),
        cmocka_unit_test(the_same_table_is_shared),
        cmocka_unit_test(keys_are_folded_as_unicode_unless_told_otherwise),
        cmocka_unit_test(keys_that_are_no_utf8_do_not_fill_the_log),
        cmocka_unit_test(only_tables_of_fixed_strings_take_partial_keys),
        cmocka_unit_test(a_text_table_reads_the_source_format),
        cmocka_unit_test(values_may_be_files),
        cmocka_unit_test(a_cache_keeps_what_is_written),
        cmocka_unit_test(a_cache_grows_past_its_first_size),
        cmocka_unit_test(a_damaged_cache_starts_afresh),
        cmocka_unit_test(every_type_of_this_folder_is_known),
        cmocka_unit_test(a_type_that_registers_itself_is_like_one_that_is_built_in),
        cmocka_unit_test(an_edited_text_table_is_noticed),
        cmocka_unit_test(a_file_that_was_replaced_while_it_was_opened_is_noticed),
    };

    return cmocka_run_group_tests(tests, harness_begin, harness_end);
}
