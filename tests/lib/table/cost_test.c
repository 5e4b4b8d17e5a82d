/* What a stranger sends is looked up at a cost that grows no faster than it does.  Bytes that tables are asked
 * for are counted, no clock is looked at. */
#include "lib/table/harness.h"
#include "table/driver.h"
#include "table/list.h"
#include "table/match.h"

enum { MEGABYTE = 1 << 20, BYTES_PER_BYTE = 32 };

static size_t asked, allowed; /* bytes of all keys */

static enum table_result count_key(struct table *t UNUSED, struct str key, struct str *value UNUSED)
{
    asked += key.len;
    if (asked > allowed) /* at once: what is wrong would take hours */
        fail_msg("%zu bytes were asked for, %zu allowed", asked, allowed);
    return TABLE_NOT_FOUND;
}

static bool open_counting(struct table *t, struct buf *error UNUSED)
{
    static const struct table_ops ops = { .lookup = count_key };

    t->ops = &ops;
    return true;
}

static const struct table_type counting = { "counting", open_counting, TABLE_FIXED };

static void ask_domain(struct str text)
{
    struct table_list *l = table_list_open(STR("counting:x"), "test", TABLE_DEFAULT);

    assert_int_equal(table_list_lookup_domain(l, text, false, NULL), TABLE_NOT_FOUND);
    assert_int_equal(table_list_lookup_domain(l, text, true, NULL), TABLE_NOT_FOUND);
    table_list_close(l);
}

static void ask_ip(struct str text)
{
    struct table_list *l = table_list_open(STR("counting:x"), "test", TABLE_DEFAULT);

    assert_int_equal(table_list_lookup_ip(l, text, NULL), TABLE_NOT_FOUND);
    table_list_close(l);
}

static void ask_address(struct str text)
{
    const struct address_walk walk = { .keys = ~0U, /* all of them */
                                       .delimiters = STR("+-") };
    struct table_list *l = table_list_open(STR("counting:x"), "test", TABLE_DEFAULT);
    BUF_AUTO(address, 0);
    BUF_AUTO(value, 0);

    buf_join(&address, STR("u@"), text);
    assert_int_equal(table_list_lookup_address(l, buf_str(&address), &walk, &value, NULL),
                     TABLE_NOT_FOUND);
    buf_clear(&address);
    buf_join(&address, text, STR("@d"));
    assert_int_equal(table_list_lookup_address(l, buf_str(&address), &walk, &value, NULL),
                     TABLE_NOT_FOUND);
    table_list_close(l);
}

static void match_as_domain(struct str text)
{
    for (unsigned flags = 0; flags <= MATCH_SUBDOMAINS; flags += MATCH_SUBDOMAINS) {
        struct match_list *l = match_list_open(STR("counting:x, .d, e"), "test", flags);
        assert_int_equal(match_domain(l, text), MATCH_NO);
        match_list_close(l);
    }
}

static void match_as_client(struct str text)
{
    struct match_list *l = match_list_open(STR("counting:x, 10.0.0.0/8"), "test", 0);

    assert_int_equal(match_host_address(l, text, text), MATCH_NO);
    match_list_close(l);
}

static void what_strangers_send_costs_linear_time(void **state UNUSED)
{
    static void (*const ways[])(struct str text) = { ask_domain, ask_ip, ask_address,
                                                     match_as_domain, match_as_client };
    static const char *const shapes[] = { "a.", ".",  "1.", "1:", ":", "+", "a-",
                                          "\"", "\\", "@",  "%",  "[", "]", "\xc3\xbc." };

    table_type_register(&counting);
    for (size_t megabytes = 1; megabytes <= 4; megabytes *= 2) {
        for (size_t s = 0; s < ARRAY_LEN(shapes); s++) {
            BUF_AUTO(text, 0);
            while (text.len < megabytes * MEGABYTE)
                buf_add_cstr(&text, shapes[s]);
            for (size_t w = 0; w < ARRAY_LEN(ways); w++) {
                asked = 0;
                allowed = BYTES_PER_BYTE * text.len;
                ways[w](buf_str(&text));
            }
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(what_strangers_send_costs_linear_time) };

    return cmocka_run_group_tests(tests, harness_begin, harness_end);
}
