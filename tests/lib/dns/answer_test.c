#include "base/log.h"
#include "dns/answer.h"
#include "unit.h"

#include <netinet/in.h>

#define ASKED STR("q.test")

/* An answer to ASKED, to which records are appended. */
static void begin(struct buf *b, unsigned type, unsigned records)
{
    const char head[] = { 0x12, 0x34, (char)0x81, (char)0x80, 0, 1, 0, (char)records, 0, 0, 0, 0 };
    const char tail[] = { 0, (char)type, 0, 1 };

    buf_clear(b);
    buf_add(b, (struct str){ head, sizeof head });
    buf_add(b, STR("\1q\4test\0"));
    buf_add(b, (struct str){ tail, sizeof tail });
}

static void record(struct buf *b, unsigned type, struct str data)
{
    const char head[] = { (char)0xc0, 12, 0, (char)type, 0, 1, 0, 0, 1, 0, 0, (char)data.len };

    buf_add(b, (struct str){ head, sizeof head });
    buf_add(b, data);
}

static void exchangers_keep_order_and_preference(void **state)
{
    BUF_AUTO(b, 0);
    ARENA_AUTO(a);
    struct dns_record *found = NULL;

    (void)state;
    begin(&b, DNS_MX, 2);
    record(&b, DNS_MX, STR("\0\12\2MX\1a\0"));
    record(&b, DNS_MX, STR("\0\5\2my\1b\0"));
    assert_int_equal(dns_answer_parse(buf_str(&b), ASKED, DNS_MX, &a, &found), DNS_OK);
    assert_int_equal(found->preference, 10);
    assert_true(str_equal(found->text, STR("mx.a"))); /* lower case */
    assert_int_equal(found->next->preference, 5);
    assert_null(found->next->next);
}

static void names_that_are_none_are_dropped(void **state)
{
    static const struct str bad[] = {
        STR("\0\12\3a b\0"),
        STR("\0\12\3a\nb\0"),
        STR("\0\12\3a;b\0"),
        STR("\0\12\3-ab\0"),
        STR("\0\12\3a.b\0"),
        STR("\0\12\3a\0b\0"),
        STR("\0\12\3a\xff"
            "b\0"),
    };
    ARENA_AUTO(a);

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        BUF_AUTO(b, 0);
        struct dns_record *found = NULL;
        begin(&b, DNS_MX, 1);
        record(&b, DNS_MX, bad[i]);
        /* A dot inside of a label is escaped, so that it cannot pass for two labels. */
        assert_int_equal(dns_answer_parse(buf_str(&b), ASKED, DNS_MX, &a, &found), DNS_MALFORMED);
        assert_null(found);
        begin(&b, DNS_MX, 2);
        record(&b, DNS_MX, bad[i]);
        record(&b, DNS_MX, STR("\0\12\2ok\1a\0"));
        assert_int_equal(dns_answer_parse(buf_str(&b), ASKED, DNS_MX, &a, &found), DNS_OK);
        assert_true(str_equal(found->text, STR("ok.a")));
        assert_null(found->next);
    }
}

static void the_root_is_a_name_for_mx_and_srv(void **state)
{
    BUF_AUTO(b, 0);
    ARENA_AUTO(a);
    struct dns_record *found = NULL;

    (void)state;
    begin(&b, DNS_MX, 1);
    record(&b, DNS_MX, STR("\0\0\0"));
    assert_int_equal(dns_answer_parse(buf_str(&b), ASKED, DNS_MX, &a, &found), DNS_OK);
    assert_int_equal(found->text.len, 0);
    begin(&b, DNS_PTR, 1);
    record(&b, DNS_PTR, STR("\0"));
    assert_int_not_equal(dns_answer_parse(buf_str(&b), ASKED, DNS_PTR, &a, &found), DNS_OK);
}

static void a_dotted_quad_passes_for_mx_only(void **state)
{
    BUF_AUTO(b, 0);
    ARENA_AUTO(a);
    struct dns_record *found = NULL;

    (void)state;
    begin(&b, DNS_MX, 1);
    record(&b, DNS_MX,
           STR("\0\1\003"
               "192\1"
               "0\1"
               "2\1"
               "1\0"));
    assert_int_equal(dns_answer_parse(buf_str(&b), ASKED, DNS_MX, &a, &found), DNS_OK);
    assert_true(str_equal(found->text, STR("192.0.2.1")));
    begin(&b, DNS_PTR, 1);
    record(&b, DNS_PTR,
           STR("\003"
               "192\1"
               "0\1"
               "2\1"
               "1\0"));
    assert_int_equal(dns_answer_parse(buf_str(&b), ASKED, DNS_PTR, &a, &found), DNS_MALFORMED);
}

static void answers_are_bounded(void **state)
{
    BUF_AUTO(b, 0);
    ARENA_AUTO(a);
    struct dns_record *found = NULL;
    size_t n = 0;

    (void)state;
    begin(&b, DNS_MX, 250);
    for (int i = 0; i < 250; i++)
        record(&b, DNS_MX, STR("\0\12\2ok\1a\0"));
    assert_int_equal(dns_answer_parse(buf_str(&b), ASKED, DNS_MX, &a, &found), DNS_OK);
    for (; found; found = found->next)
        n++;
    assert_int_equal(n, DNS_RECORDS_MAX);
}

static size_t logged;

static void count_line(enum log_level level, struct str text)
{
    (void)level;
    (void)text;
    logged++;
}

static void many_bad_names_fill_no_log(void **state)
{
    static const struct str bad[] = { STR("\0\12\3a b\0"), STR("\0\12\1"
                                                               "1\1"
                                                               "2\1"
                                                               "3\1"
                                                               "4\0") };

    (void)state;
    log_set_sink(count_line);
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        BUF_AUTO(b, 0);
        ARENA_AUTO(a);
        struct dns_record *found = NULL;
        begin(&b, DNS_MX, 200);
        for (int n = 0; n < 200; n++)
            record(&b, DNS_MX, bad[i]);
        logged = 0;
        (void)dns_answer_parse(buf_str(&b), ASKED, DNS_MX, &a, &found);
        assert_in_range(logged, 1, 2);
    }
    log_set_sink(NULL);
}

static void what_is_cut_short_is_tried_again(void **state)
{
    BUF_AUTO(b, 0);
    ARENA_AUTO(a);

    (void)state;
    begin(&b, DNS_MX, 1);
    record(&b, DNS_MX, STR("\0\12\2ok\1a\0"));
    for (size_t n = 0; n < b.len; n++) {
        struct dns_record *found = NULL;
        enum dns_status status =
            dns_answer_parse(str_sub(buf_str(&b), 0, n), ASKED, DNS_MX, &a, &found);
        assert_int_equal(status, DNS_RETRY);
        assert_null(found);
    }
}

static void only_answers_with_a_known_result_are_some(void **state)
{
    BUF_AUTO(b, 0);

    (void)state;
    for (int rcode = 0; rcode < 16; rcode++) {
        begin(&b, DNS_MX, 0);
        b.ptr[3] = (char)(0x80 | rcode);
        assert_int_equal(dns_answer_is_one(buf_str(&b)), rcode <= 5);
    }
    begin(&b, DNS_MX, 0);
    assert_false(dns_answer_is_one(str_sub(buf_str(&b), 0, 11)));
    b.ptr[2] = 1; /* a question */
    assert_false(dns_answer_is_one(buf_str(&b)));
}

static void tlsa_data_and_the_end_of_aliases_are_known(void **state)
{
    BUF_AUTO(b, 0);
    ARENA_AUTO(a);
    struct dns_record *found = NULL;

    (void)state;
    begin(&b, DNS_TLSA, 2);
    record(&b, DNS_CNAME, STR("\4Real\4test\0"));
    buf_add(&b, STR("\4REAL\4test\0\0\64\0\1\0\0\1\0\0\5\3\1\1\xab\xcd"));
    assert_int_equal(dns_answer_parse(buf_str(&b), ASKED, DNS_TLSA, &a, &found), DNS_OK);
    assert_true(str_equal(found->text, STR("\3\1\1\xab\xcd")));
    assert_int_equal(found->ttl, 256);
    assert_null(found->next);
    assert_true(str_equal(dns_answer_owner(buf_str(&b), DNS_TLSA, &a), STR("real.test")));
    assert_int_equal(dns_answer_parse(buf_str(&b), ASKED, DNS_CNAME, &a, &found), DNS_OK);
    assert_true(str_equal(found->text, STR("real.test")));
    assert_true(str_equal(dns_answer_owner(buf_str(&b), DNS_CNAME, &a), ASKED));
    assert_null(dns_answer_owner(buf_str(&b), DNS_MX, &a).ptr);
    for (size_t n = 0; n < b.len; n++)
        assert_int_equal(dns_answer_parse(str_sub(buf_str(&b), 0, n), ASKED, DNS_TLSA, &a, &found),
                         DNS_RETRY);
}

static void records_have_a_text_for_the_filter(void **state)
{
    struct dns_record mx = { .type = DNS_MX, .preference = 10, .text = STR("mx.test"), .ttl = 60 };
    struct dns_record address = { .type = DNS_A };
    struct dns_record tlsa = { .type = DNS_TLSA, .text = STR("\3\1\1\xab\x0c") };
    struct dns_record srv = {
        .type = DNS_SRV, .preference = 1, .weight = 2, .port = 25, .text = STR("s.test")
    };
    BUF_AUTO(text, 0);

    (void)state;
    dns_record_format(&mx, ASKED, &text);
    assert_string_equal(buf_cstr(&text), "q.test. 60 IN MX 10 mx.test.");
    buf_clear(&text);
    assert_true(net_addr_parse(STR("192.0.2.1"), 0, &address.addr));
    dns_record_format(&address, ASKED, &text);
    assert_string_equal(buf_cstr(&text), "q.test. 0 IN A 192.0.2.1");
    buf_clear(&text);
    dns_record_format(&srv, ASKED, &text);
    assert_string_equal(buf_cstr(&text), "q.test. 0 IN SRV 1 2 25 s.test.");
    buf_clear(&text);
    dns_record_format(&tlsa, ASKED, &text);
    assert_string_equal(buf_cstr(&text), "q.test. 0 IN TLSA 3 1 1 AB0C");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(exchangers_keep_order_and_preference),
        cmocka_unit_test(names_that_are_none_are_dropped),
        cmocka_unit_test(the_root_is_a_name_for_mx_and_srv),
        cmocka_unit_test(a_dotted_quad_passes_for_mx_only),
        cmocka_unit_test(answers_are_bounded),
        cmocka_unit_test(many_bad_names_fill_no_log),
        cmocka_unit_test(what_is_cut_short_is_tried_again),
        cmocka_unit_test(only_answers_with_a_known_result_are_some),
        cmocka_unit_test(tlsa_data_and_the_end_of_aliases_are_known),
        cmocka_unit_test(records_have_a_text_for_the_filter),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
