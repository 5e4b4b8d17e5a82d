#include "nexthop/fault.h"
#include "smtp-client/workaround.h"
#include "unit.h"

#include <errno.h>

#define SHOWN STR("mx.test[192.0.2.1]")

static void assert_text(struct str got, const char *wanted)
{
    assert_int_equal(got.len, strlen(wanted));
    assert_memory_equal(got.ptr, wanted, got.len);
}

static void losses_say_what_was_going_on(void **state)
{
    static const struct {
        int error;
        enum smtp_step step;
        const char *text;
    } cases[] = {
        { ECONNRESET, SMTP_STEP_GREETING,
          "lost connection with mx.test[192.0.2.1] while receiving the initial server greeting" },
        { ETIMEDOUT, SMTP_STEP_RCPT,
          "conversation with mx.test[192.0.2.1] timed out while sending RCPT TO" },
        { EAGAIN, SMTP_STEP_DOT,
          "conversation with mx.test[192.0.2.1] timed out while sending end of data -- message may "
          "be sent more than once" },
        { EPROTO, SMTP_STEP_BODY,
          "lost connection with mx.test[192.0.2.1] while sending message body" },
    };
    ARENA_AUTO(a);

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct fault f;
        fault_from_loss(&f, &a, SHOWN, cases[i].step, cases[i].error);
        assert_text(f.text, cases[i].text);
        assert_string_equal(f.dsn, "4.4.2");
        assert_false(f.permanent);
    }
}

static struct smtp_answer answer_of(const char *text, char made[8])
{
    struct smtp_answer answer;

    assert_true(smtp_answer_parse(str_from(text), made, &answer));
    return answer;
}

static void refusals_are_final_by_step(void **state)
{
    static const struct {
        const char *reply;
        enum smtp_step step;
        bool skip;
        const char *dsn;
        bool permanent;
    } cases[] = {
        { "421 4.3.2 busy", SMTP_STEP_GREETING, true, "4.3.2", false },
        { "554 5.7.1 no", SMTP_STEP_GREETING, true, "4.7.1", false },
        { "554 5.7.1 no", SMTP_STEP_GREETING, false, "5.7.1", true },
        { "550 no", SMTP_STEP_EHLO, true, "5.0.0", true },
        { "450 no", SMTP_STEP_HELO, true, "4.0.0", false },
    };
    ARENA_AUTO(a);

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        char made[8];
        struct smtp_answer answer = answer_of(cases[i].reply, made);
        struct fault f;
        fault_from_refusal(&f, &a, SHOWN, cases[i].step, &answer, cases[i].skip);
        assert_string_equal(f.dsn, cases[i].dsn);
        assert_int_equal(f.permanent, cases[i].permanent);
        assert_text(f.reply, cases[i].reply);
    }
}

static void replies_are_quoted_in_one_line(void **state)
{
    char made[8];
    struct smtp_answer answer = answer_of("550-5.1.1 no\n550 5.1.1 such user", made);
    ARENA_AUTO(a);

    (void)state;
    assert_text(
        fault_said(&a, SHOWN, SMTP_STEP_RCPT, &answer),
        "host mx.test[192.0.2.1] said: 550-5.1.1 no 550 5.1.1 such user (in reply to RCPT TO "
        "command)");
    assert_text(fault_one_line(&a, STR("plain")), "plain");
}

static void a_greeting_of_asterisks_is_a_firewall(void **state)
{
    (void)state;
    assert_true(workaround_is_due(STR("220 ****************")));
    assert_true(workaround_is_due(STR("220 ***2******0*********0*00 ")));
    assert_false(workaround_is_due(STR("220 mail.test ESMTP ***")));
    assert_false(workaround_is_due(STR("220 ***1***")));
    /* What such a firewall leaves of a name may be nothing but the digits of its code. */
    assert_true(workaround_is_due(STR("220 ")));
    assert_true(workaround_is_due(STR("220")));
    assert_true(workaround_is_due(STR("220 2002 0")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(losses_say_what_was_going_on),
        cmocka_unit_test(refusals_are_final_by_step),
        cmocka_unit_test(replies_are_quoted_in_one_line),
        cmocka_unit_test(a_greeting_of_asterisks_is_a_firewall),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
