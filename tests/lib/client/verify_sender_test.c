#include "client/verify_sender.h"
#include "conf/params.h"
#include "unit.h"

static void use(const char *sender, int ttl)
{
    verify_conf.address_verify_sender = str_from(sender);
    verify_conf.address_verify_sender_ttl = ttl;
    site_conf.myorigin = STR("example.test");
}

static const char *sender_at(time_t now)
{
    static struct buf out;

    buf_clear(&out);
    verify_sender_format(now, &out);
    return buf_cstr(&out);
}

static void a_sender_is_completed_and_may_be_the_null_one(void **state)
{
    (void)state;
    use("double-bounce", 0);
    assert_string_equal(sender_at(5), "double-bounce@example.test");
    use("probe@other.test", 0);
    assert_string_equal(sender_at(5), "probe@other.test");
    use("<>", 0);
    assert_string_equal(sender_at(5), "");
    use("", 100);
    assert_string_equal(sender_at(5), "");
    assert_false(verify_sender_is_own(STR(""), 5));
}

static void a_sender_with_a_time_changes_its_name(void **state)
{
    (void)state;
    use("double-bounce", 30000);
    assert_string_equal(sender_at(1796014399), "double-bounce2096@example.test");
    assert_true(verify_sender_is_own(STR("Double-Bounce2096@example.test"), 1796014399));
    assert_true(verify_sender_is_own(STR("double-bounce2096@example.test"), 1796014399 + 30000));
    assert_true(verify_sender_is_own(STR("double-bounce2096@example.test"), 1796014399 - 30000));
    assert_false(verify_sender_is_own(STR("double-bounce2096@example.test"), 1796014399 + 60000));
    assert_false(verify_sender_is_own(STR("double-bounce@example.test"), 1796014399));
    use("double-bounce", 0);
    assert_true(verify_sender_is_own(STR("double-bounce@example.test"), 5));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_sender_is_completed_and_may_be_the_null_one),
        cmocka_unit_test(a_sender_with_a_time_changes_its_name),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
