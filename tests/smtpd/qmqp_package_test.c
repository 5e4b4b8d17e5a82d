#include "base/netstring.h"
#include "smtpd/qmqpd/package.h"
#include "unit.h"

static void a_request_gives_message_sender_and_recipients(void **state)
{
    struct str text = STR("5:Hello,3:a@b,3:c@d,5:ef@gh,");
    struct qmqp_package p;
    struct str one;

    (void)state;
    assert_true(qmqp_package_parse(text, &p));
    assert_true(str_equal(p.message, STR("Hello")));
    assert_true(str_equal(p.sender, STR("a@b")));
    assert_true(netstring_take(&p.recipients, &one) && str_equal(one, STR("c@d")));
    assert_true(netstring_take(&p.recipients, &one) && str_equal(one, STR("ef@gh")));
    assert_int_equal(p.recipients.len, 0);
}

static void what_is_no_request_is_refused(void **state)
{
    static const struct str bad[] = { STR(""),
                                      STR("5:Hello"),
                                      STR("5:Hello,3:a@b,"),
                                      STR("x"),
                                      STR("5:Hello,3:a@b,9:c,"),
                                      STR("5:Hello;3:a@b,3:c@d,"),
                                      STR(":,:,:,"),
                                      STR("-1:x,3:a@b,3:c@d,"),
                                      STR("99999999999:x,1:a,1:b,") };
    struct qmqp_package p;

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        assert_false(qmqp_package_parse(bad[i], &p));
}

static void every_cut_of_a_request_is_refused(void **state)
{
    struct str text = STR("5:Hello,3:a@b,3:c@d,");
    struct qmqp_package p;

    (void)state;
    for (size_t n = 0; n < text.len; n++)
        assert_false(qmqp_package_parse(str_sub(text, 0, n), &p));
}

static void addresses_are_measured_at_their_limit(void **state)
{
    static const struct {
        struct str text;
        bool fits;
    } cases[] = {
        { STR("0:,4:a@bc,3:c@d,4:c@de,"), true },
        { STR("0:,5:a@bcd,3:c@d,4:c@de,"), false },
        { STR("0:,4:a@bc,3:c@d,5:c@def,"), false },
        { STR("0:,4:a@bc,5:c@def,3:c@d,"), false },
        { STR("0:,0:,4:c@de,"), true },
    };
    struct qmqp_package p;

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        assert_true(qmqp_package_parse(cases[i].text, &p));
        assert_int_equal(qmqp_package_fits(&p, 4), cases[i].fits);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_request_gives_message_sender_and_recipients),
        cmocka_unit_test(what_is_no_request_is_refused),
        cmocka_unit_test(every_cut_of_a_request_is_refused),
        cmocka_unit_test(addresses_are_measured_at_their_limit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
