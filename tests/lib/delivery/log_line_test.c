#include "delivery/log_line.h"
#include "delivery/status_filter.h"
#include "helpers.h"

static void delays_have_two_significant_digits(void **state)
{
    static const struct {
        int64_t usec;
        int decimals;
        const char *want;
    } cases[] = {
        { 0, 2, "0" },         { -5, 2, "0" },
        { 4999, 2, "0" },      { 5000, 2, "0.01" },
        { 10000, 2, "0.01" },  { 95000, 2, "0.1" },
        { 380000, 2, "0.38" }, { 994999, 2, "0.99" },
        { 995000, 2, "1" },    { 1234567, 2, "1.2" },
        { 9949999, 2, "9.9" }, { 9950000, 2, "10" },
        { 12345678, 2, "12" }, { 123456789, 2, "123" },
        { 1500000, 0, "2" },   { 1234567, 1, "1.2" },
        { 12345, 3, "0.012" }, { 1234, 6, "0.0012" },
        { 100000, 2, "0.1" },  { 86400000000, 2, "86400" },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        BUF_AUTO(out, 0);
        delivery_format_delay(&out, cases[i].usec, cases[i].decimals);
        assert_str(buf_str(&out), cases[i].want);
    }
}

static struct delivery_log sample(void)
{
    return (struct delivery_log){
        .queue_id = "A1EB452CCAE",
        .recipient = STR("bob@x.example"),
        .orig_rcpt = STR("Bob@X.example"),
        .relay = STR("local"),
        .arrival = { 1000, 0 },
        .active = { 1000, 50000 },
        .start = { 1000, 60000 },
        .now = { 1001, 200000 },
        .dsn = "2.0.0",
        .status = "sent",
        .text = STR("delivered to mailbox"),
    };
}

static void assert_line(const struct delivery_log *l, const char *want)
{
    BUF_AUTO(out, 0);

    delivery_format_log(&out, l);
    assert_str(buf_str(&out), want);
}

static void a_line_is_what_log_parsers_know(void **state)
{
    struct delivery_log l = sample();

    (void)state;
    assert_line(&l, "A1EB452CCAE: to=<bob@x.example>, relay=local, delay=1.2, "
                    "delays=0.05/0.01/0/1.1, dsn=2.0.0, "
                    "status=sent (delivered to mailbox)");
}

static void optional_fields_stand_where_they_belong(void **state)
{
    struct delivery_log l = sample();

    (void)state;
    l.orig_rcpt = STR("list@x.example");
    l.recipient = STR("a b@x.example");
    l.conn_use = 2;
    l.conn_done = (struct timeval){ 1000, 560000 };
    l.tls_summary = STR("none");
    assert_line(
        &l, "A1EB452CCAE: to=<\"a b\"@x.example>, orig_to=<list@x.example>, relay=local, "
            "conn_use=2, delay=1.2, "
            "delays=0.05/0.01/0.5/0.64, tls=none, dsn=2.0.0, status=sent (delivered to mailbox)");
}

static void a_leading_status_code_becomes_the_dsn(void **state)
{
    ARENA_AUTO(a);
    struct outcome o;

    (void)state;
    outcome_from_text(&o, &a, OUTCOME_BOUNCED, "5.0.0", STR("5.1.6 User has moved to x@y"));
    assert_string_equal(o.dsn, "5.1.6");
    assert_str(o.text, "User has moved to x@y");
    outcome_from_text(&o, &a, OUTCOME_BOUNCED, "5.0.0", STR("no such host"));
    assert_string_equal(o.dsn, "5.0.0");
    assert_str(o.text, "no such host");
}

static void a_filter_may_harden_or_soften_a_failure_but_not_undo_success(void **state)
{
    static const struct {
        enum outcome_status before;
        const char *result;
        bool accepted;
        enum outcome_status after;
    } cases[] = {
        { OUTCOME_DEFERRED, "5.7.5 never", true, OUTCOME_BOUNCED },
        { OUTCOME_BOUNCED, "4.7.5 later", true, OUTCOME_DEFERRED },
        { OUTCOME_SENT, "2.1.0 fine", true, OUTCOME_SENT },
        { OUTCOME_SENT, "4.1.0 no", false, OUTCOME_SENT },
        { OUTCOME_BOUNCED, "2.0.0 yes", false, OUTCOME_BOUNCED },
        { OUTCOME_BOUNCED, "no code", false, OUTCOME_BOUNCED },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        ARENA_AUTO(a);
        struct outcome o;
        outcome_make(&o, &a, cases[i].before, "5.0.0", "x");
        assert_int_equal(status_filter_replace(&o, &a, str_from(cases[i].result)),
                         cases[i].accepted);
        assert_int_equal(o.status, cases[i].after);
        if (cases[i].accepted)
            assert_memory_equal(o.dsn, cases[i].result, 5);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(delays_have_two_significant_digits),
        cmocka_unit_test(a_line_is_what_log_parsers_know),
        cmocka_unit_test(optional_fields_stand_where_they_belong),
        cmocka_unit_test(a_leading_status_code_becomes_the_dsn),
        cmocka_unit_test(a_filter_may_harden_or_soften_a_failure_but_not_undo_success),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
