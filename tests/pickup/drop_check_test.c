#include "pickup/drop_check.h"
#include "pickup/records.h"

static struct record rec(char type, const char *payload)
{
    return (struct record){ type, str_from(payload) };
}

struct step {
    char type;
    const char *payload;
    enum drop_verdict want;
};

static void assert_steps(const struct step *steps, size_t count)
{
    struct drop_check c = { 0 };

    for (size_t i = 0; i < count; i++) {
        struct record r = rec(steps[i].type, steps[i].payload);
        enum drop_verdict got = drop_check_record(&c, &r);
        if (got != steps[i].want)
            fail_msg("step %zu: type %c: verdict %d, want %d", i, r.type, (int)got,
                     (int)steps[i].want);
    }
}
#define ASSERT_STEPS(...)                              \
    assert_steps((const struct step[]){ __VA_ARGS__ }, \
                 ARRAY_LEN(((const struct step[]){ __VA_ARGS__ })))

static void an_ordinary_submission_passes(void **state)
{
    (void)state;
    ASSERT_STEPS({ 'A', "rewrite_context=local", DROP_KEEP }, { 'F', "Full Name", DROP_KEEP },
                 { 'S', "", DROP_KEEP }, { 'V', "+=", DROP_KEEP },
                 { 'A', "notify_flags=1", DROP_KEEP }, { 'R', "a@b", DROP_KEEP },
                 { 'M', "", DROP_KEEP }, { 'L', "long ", DROP_KEEP }, { 'N', "line", DROP_KEEP },
                 { 'X', "", DROP_KEEP }, { 'R', "c@d", DROP_KEEP }, { 'E', "", DROP_END },
                 { 'N', "more", DROP_BAD });
}

static void the_submitter_cannot_speak_for_the_mail_system(void **state)
{
    (void)state;
    ASSERT_STEPS({ 'T', "1 2", DROP_SKIP }, { 'A', "client_address=192.0.2.1", DROP_SKIP },
                 { 'A', "log_client_name=x", DROP_SKIP }, { 'A', "sasl_username=root", DROP_SKIP },
                 { 'A', "create_time=1", DROP_SKIP }, { 'A', "no value", DROP_SKIP });
}

static void what_cannot_come_from_a_user_is_refused(void **state)
{
    static const char types[] = "DLIOWc/K>Xwp";
    struct drop_check c;

    (void)state;
    for (size_t i = 0; i < sizeof types - 1; i++) {
        struct record r = rec(types[i], "x");
        c = (struct drop_check){ 0 };
        assert_int_equal(drop_check_record(&c, &r), DROP_BAD);
        assert_non_null(c.why);
    }
}

static void order_is_enforced(void **state)
{
    (void)state;
    ASSERT_STEPS({ 'S', "a", DROP_KEEP }, { 'M', "text", DROP_BAD });
    ASSERT_STEPS({ 'R', "a", DROP_BAD });
    ASSERT_STEPS({ 'M', "", DROP_BAD });
    ASSERT_STEPS({ 'S', "a", DROP_KEEP }, { 'S', "b", DROP_BAD });
    ASSERT_STEPS({ 'S', "a", DROP_KEEP }, { 'M', "", DROP_KEEP }, { 'R', "late", DROP_BAD });
    ASSERT_STEPS({ 'S', "a", DROP_KEEP }, { 'M', "", DROP_KEEP }, { 'X', "", DROP_KEEP },
                 { 'E', "", DROP_BAD });
    ASSERT_STEPS({ 'S', "a", DROP_KEEP }, { 'R', "b", DROP_KEEP }, { 'M', "", DROP_KEEP },
                 { 'E', "", DROP_BAD });
}

static void a_line_end_cannot_hide_in_a_record(void **state)
{
    (void)state;
    ASSERT_STEPS({ 'S', "a\nb", DROP_BAD });
    ASSERT_STEPS({ 'S', "a\rb", DROP_BAD });
    ASSERT_STEPS({ 'F', "x\ny", DROP_BAD });
    ASSERT_STEPS({ 'A', "envelope_id=x\ny", DROP_BAD });
    ASSERT_STEPS({ 'S', "a", DROP_KEEP }, { 'R', "b\n", DROP_BAD });
    ASSERT_STEPS({ 'S', "a", DROP_KEEP }, { 'M', "", DROP_KEEP },
                 { 'N', "x\n.\nMAIL FROM:<>", DROP_BAD });
}

static void of_a_size_record_only_the_options_of_users_count(void **state)
{
    struct record_size size = { .content_size = 99, .sendopts = 0xff };
    struct drop_check c = { 0 };
    char text[RECORD_SIZE_BYTES + 1];

    (void)state;
    record_size_format(&size, text);
    struct record r = rec('C', text);
    assert_int_equal(drop_check_record(&c, &r), DROP_SKIP);
    assert_int_equal(c.sendopts, SENDOPT_SMTPUTF8 | SENDOPT_REQUIRETLS);
}

static void very_long_records_are_refused(void **state)
{
    static const struct {
        char type;
        enum record_segment at;
    } cases[] = {
        { 'F', SEGMENT_ENVELOPE }, { 'A', SEGMENT_ENVELOPE },  { 'N', SEGMENT_MESSAGE },
        { 'L', SEGMENT_MESSAGE },  { 'A', SEGMENT_EXTRACTED },
    };
    BUF_AUTO(payload, 0);

    (void)state;
    while (payload.len <= RECORD_PAYLOAD_MAX)
        buf_addc(&payload, 'x');
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct drop_check before = { .at = cases[i].at, .has_sender = true };
        struct drop_check c = before;
        size_t limit = record_limit(cases[i].type, cases[i].at);
        memcpy(payload.ptr, "encoding=", 9);
        struct record r = { cases[i].type, { payload.ptr, limit } };
        assert_int_equal(drop_check_record(&c, &r), DROP_KEEP);
        r.payload.len++;
        assert_int_equal(drop_check_record(&before, &r), DROP_BAD);
    }
}

static void very_long_addresses_are_refused(void **state)
{
    static const char types[] = "SR";

    (void)state;
    for (size_t i = 0; i < sizeof types - 1; i++) {
        struct drop_check c = { .has_sender = types[i] == 'R' };
        BUF_AUTO(payload, 0);
        while (payload.len < DROP_ADDRESS_MAX)
            buf_addc(&payload, 'x');
        struct drop_check before = c;
        struct record r = { types[i], buf_str(&payload) };
        assert_int_equal(drop_check_record(&c, &r), DROP_KEEP);
        buf_addc(&payload, 'x');
        r.payload = buf_str(&payload);
        assert_int_equal(drop_check_record(&before, &r), DROP_BAD);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_ordinary_submission_passes),
        cmocka_unit_test(the_submitter_cannot_speak_for_the_mail_system),
        cmocka_unit_test(what_cannot_come_from_a_user_is_refused),
        cmocka_unit_test(order_is_enforced),
        cmocka_unit_test(a_line_end_cannot_hide_in_a_record),
        cmocka_unit_test(of_a_size_record_only_the_options_of_users_count),
        cmocka_unit_test(very_long_records_are_refused),
        cmocka_unit_test(very_long_addresses_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
