#include "base/mem.h"
#include "table/plugins/ldap_text.h"
#include "table/plugins/query.h"
#include "table/plugins/sql.h"
#include "unit.h"

#include <stdlib.h>

/* ---- settings out of a table */

struct setting {
    const char *name, *value;
};

static const char *find(void *context, const char *name)
{
    for (const struct setting *s = context; s->name; s++)
        if (strcmp(s->name, name) == 0)
            return s->value;
    return NULL;
}

static struct str text(void *context, const char *name, const char *standard)
{
    const char *value = find(context, name);

    return str_from(value ? value : standard);
}

static int number(void *context, const char *name, int standard, int least)
{
    const char *value = find(context, name);

    return value ? MAX((int)strtol(value, NULL, 10), least) : standard;
}

static struct str required(void *context, const char *name)
{
    const char *value = find(context, name);

    assert_non_null(value);
    return str_from(value);
}

static struct plugin_settings settings_of(struct setting *list)
{
    return (struct plugin_settings){ .type = STR("sql"),
                                     .name = STR("/x"),
                                     .context = list,
                                     .text = text,
                                     .number = number,
                                     .required = required };
}

/* ---- templates */

static void old_settings_make_a_query(void **state UNUSED)
{
    struct setting old[] = { { "table", "t" },
                             { "select_field", "f" },
                             { "where_field", "w" },
                             { "additional_conditions", "AND active" },
                             { NULL, NULL } };
    struct setting function[] = { { "select_function", "my_f" }, { NULL, NULL } };
    struct setting both[] = { { "query", "SELECT 1" },
                              { "select_function", "my_f" },
                              { NULL, NULL } };
    const struct {
        struct setting *list;
        const char *query;
    } cases[] = { { old, "SELECT f FROM t WHERE w='%s' AND active" },
                  { function, "SELECT my_f('%s')" },
                  { both, "SELECT 1" } };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct query q;
        struct plugin_settings s = settings_of(cases[i].list);
        query_init_sql(&q, &s, true);
        assert_true(str_equal(q.template, str_from(cases[i].query)));
        query_fini(&q);
    }
}

/* ---- values */

static void values_are_formatted_and_joined(void **state UNUSED)
{
    struct setting list[] = { { "query", "q" }, { "result_format", "%s-%U" }, { NULL, NULL } };
    struct plugin_settings s = settings_of(list);
    struct query q;
    BUF_AUTO(out, 0);

    query_init_sql(&q, &s, false);
    struct query_values v = { .query = &q, .key = STR("k@d"), .out = &out };
    assert_int_equal(query_values_result(&v), PLUGIN_NOT_FOUND);
    assert_true(query_add_value(&v, STR("a")));
    assert_true(query_add_value(&v, STR(""))); /* skipped */
    assert_true(query_add_value(&v, STR("b")));
    assert_int_equal(query_values_result(&v), PLUGIN_FOUND);
    assert_string_equal(buf_cstr(&out), "a-k,b-k");
    query_fini(&q);
}

static void values_without_a_wanted_part_are_skipped(void **state UNUSED)
{
    struct setting list[] = { { "query", "q" }, { "result_format", "%u at %d" }, { NULL, NULL } };
    struct plugin_settings s = settings_of(list);
    struct query q;
    BUF_AUTO(out, 0);

    query_init_sql(&q, &s, false);
    struct query_values v = { .query = &q, .key = STR("k"), .out = &out };
    assert_true(query_add_value(&v, STR("plain")));
    assert_int_equal(query_values_result(&v), PLUGIN_NOT_FOUND);
    assert_true(query_add_value(&v, STR("x@y")));
    assert_string_equal(buf_cstr(&out), "x at y");
    query_fini(&q);
}

static void more_values_than_the_limit_are_an_error(void **state UNUSED)
{
    struct setting list[] = { { "query", "q" }, { "expansion_limit", "2" }, { NULL, NULL } };
    struct plugin_settings s = settings_of(list);
    struct query q;
    BUF_AUTO(out, 0);

    query_init_sql(&q, &s, false);
    struct query_values v = { .query = &q, .key = STR("k"), .out = &out };
    assert_true(query_add_value(&v, STR("a")));
    assert_true(query_add_value(&v, STR("b")));
    assert_int_equal(query_values_result(&v), PLUGIN_FOUND);
    assert_false(query_add_value(&v, STR("c")));
    assert_int_equal(query_values_result(&v), PLUGIN_ERROR);
    query_fini(&q);
}

/* ---- servers that are played */

struct played {
    int connects, asked;
    bool refuses, breaks;
    char last[200];
};

static void *play_open(struct sql_table *t UNUSED, const struct plugin_settings *s,
                       struct buf *error UNUSED)
{
    struct setting *list = s->context;

    return mem_unconst(find(list, "played"));
}

static void *play_connect(void *context, const struct host *h UNUSED)
{
    struct played *p = context;

    p->connects++;
    return p->refuses ? NULL : p;
}

static void play_disconnect(void *connection UNUSED) {}

static bool play_quote(void *connection UNUSED, struct str part, struct buf *out)
{
    for (size_t i = 0; i < part.len; i++)
        buf_join(out, part.ptr[i] == '\'' ? STR("''") : str_sub(part, i, i + 1));
    return true;
}

static enum sql_outcome play_ask(void *context, const struct host *h UNUSED, const char *query,
                                 struct query_values *values)
{
    struct played *p = context;

    p->asked++;
    assert_true(str_to_cstring(str_from(query), p->last, sizeof p->last));
    return !p->breaks && query_add_value(values, STR("v")) ? SQL_DONE : SQL_FAILED;
}

static const struct sql_driver driver = { .open = play_open,
                                          .connect = play_connect,
                                          .disconnect = play_disconnect,
                                          .quote = play_quote,
                                          .ask = play_ask };

static void *open_played(struct played *p, const char *hosts)
{
    struct setting list[] = { { "query", "SELECT x WHERE k='%s'" },
                              { "hosts", hosts },
                              { "played", (const char *)p },
                              { NULL, NULL } };
    struct plugin_settings s = settings_of(list);
    BUF_AUTO(error, 0);

    return sql_open(&driver, &s, &error);
}

static void a_key_cannot_leave_its_quotes(void **state UNUSED)
{
    struct played p = { 0 };
    void *t = open_played(&p, "one");
    BUF_AUTO(out, 0);

    assert_int_equal(sql_lookup(t, STR("x' OR '1'='1"), &out), PLUGIN_FOUND);
    assert_string_equal(p.last, "SELECT x WHERE k='x'' OR ''1''=''1'");
    assert_int_equal(sql_lookup(t, STR("%d%s"), &out), PLUGIN_FOUND);
    assert_string_equal(p.last, "SELECT x WHERE k='%d%s'");
    assert_string_equal(buf_cstr(&out), "v");
    assert_int_equal(p.connects, 1);
    sql_close(t);
}

static void the_only_server_is_tried_twice_and_then_left_alone(void **state UNUSED)
{
    struct played p = { .refuses = true };
    void *t = open_played(&p, "one");
    BUF_AUTO(out, 0);

    assert_int_equal(sql_lookup(t, STR("k"), &out), PLUGIN_ERROR);
    assert_int_equal(p.connects, 2);
    assert_int_equal(sql_lookup(t, STR("k"), &out), PLUGIN_ERROR);
    assert_int_equal(p.connects, 2);
    sql_close(t);
}

static void another_server_is_asked_when_one_breaks(void **state UNUSED)
{
    struct played p = { .breaks = true };
    void *t = open_played(&p, "one two three");
    BUF_AUTO(out, 0);

    assert_int_equal(sql_lookup(t, STR("k"), &out), PLUGIN_ERROR);
    assert_int_equal(p.asked, 3);
    sql_close(t);
}

/* ---- LDAP's texts */

static void filters_and_names_are_quoted_as_the_rfcs_say(void **state UNUSED)
{
    static const struct {
        key_quote_fn *quote;
        struct str part;
        const char *text;
    } cases[] = {
        { ldap_quote_filter, STR("a*b(c)d\\e"), "a\\2Ab\\28c\\29d\\5Ce" },
        { ldap_quote_filter, STR("plain@b.test"), "plain@b.test" },
        { ldap_quote_filter, STR("\xc3\xb1"), "\xc3\xb1" },
        { ldap_quote_name, STR("a b,c+d\"e#f<g>h;i\\j"),
          "a\\20b\\2Cc\\2Bd\\22e\\23f\\3Cg\\3Eh\\3Bi\\5Cj" },
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        BUF_AUTO(out, 0);
        assert_true(cases[i].quote(NULL, cases[i].part, &out));
        assert_string_equal(buf_cstr(&out), cases[i].text);
    }
}

static void servers_become_urls(void **state UNUSED)
{
    static const struct {
        const char *servers, *urls, *modern;
    } cases[] = {
        { "localhost", "ldap://localhost:390", "" },
        { "a.test:10389, ldap://b.test", "ldap://a.test:10389 ldap://b.test", "" },
        { "ldapi:/// ldaps://c.test", "ldapi:/// ldaps://c.test", "ldaps" },
        { "ldapi://%2Frun", "ldapi://%2Frun", "ldapi" },
        { "[::1] [::1]:1", "ldap://[::1]:390 ldap://[::1]:1", "" },
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        BUF_AUTO(out, 0);
        ldap_join_servers(str_from(cases[i].servers), 390, &out);
        assert_string_equal(buf_cstr(&out), cases[i].urls);
        assert_true(str_equal(ldap_modern_scheme(buf_str(&out)), str_from(cases[i].modern)));
    }
    assert_true(str_equal(ldap_base_name("mail;lang-en"), STR("mail")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(old_settings_make_a_query),
        cmocka_unit_test(values_are_formatted_and_joined),
        cmocka_unit_test(values_without_a_wanted_part_are_skipped),
        cmocka_unit_test(more_values_than_the_limit_are_an_error),
        cmocka_unit_test(a_key_cannot_leave_its_quotes),
        cmocka_unit_test(the_only_server_is_tried_twice_and_then_left_alone),
        cmocka_unit_test(another_server_is_asked_when_one_breaks),
        cmocka_unit_test(filters_and_names_are_quoted_as_the_rfcs_say),
        cmocka_unit_test(servers_become_urls),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
