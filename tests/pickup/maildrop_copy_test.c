#include "ipc/messages/cleanup.h"
#include "pickup/maildrop_copy.h"
#include "pickup/records.h"

enum origin { POSTDROP, REQUEUED, DIRECT };

/* The verdicts on a whole file as letters: c copy, d drop, M X E marks, b bad. */
static void assert_verdicts(const char *const *records, enum origin from, const char *want)
{
    static const char letters[] = {
        [MAILDROP_COPY] = 'c',      [MAILDROP_DROP] = 'd', [MAILDROP_MESSAGE] = 'M',
        [MAILDROP_EXTRACTED] = 'X', [MAILDROP_END] = 'E',  [MAILDROP_BAD] = 'b'
    };
    struct maildrop_copy c = { .segment = SEGMENT_ENVELOPE,
                               .requeued = from == REQUEUED,
                               .direct = from == DIRECT };
    BUF_AUTO(got, 0);

    for (; *records; records++) {
        struct record rec = { (*records)[0], str_from(*records + 1) };
        buf_addc(&got, letters[maildrop_copy_record(&c, &rec)]);
    }
    assert_string_equal(buf_cstr(&got), want);
}
#define ASSERT_VERDICTS(want, ...) \
    assert_verdicts((const char *const[]){ __VA_ARGS__, NULL }, POSTDROP, want)
#define ASSERT_REQUEUED(want, ...) \
    assert_verdicts((const char *const[]){ __VA_ARGS__, NULL }, REQUEUED, want)
#define ASSERT_DIRECT(want, ...) \
    assert_verdicts((const char *const[]){ __VA_ARGS__, NULL }, DIRECT, want)

static void a_file_from_postdrop_is_copied(void **state)
{
    (void)state;
    ASSERT_VERDICTS("ccccMcXcE", "T1 2", "Arewrite_context=local", "Sa", "Rb", "M", "Nx", "X", "Rc",
                    "E");
}

static void what_an_earlier_pass_added_does_not_survive_a_requeue(void **state)
{
    (void)state;
    ASSERT_REQUEUED("dcddcccMcXdddddcccE",
                    "C             10              20               1               0     "
                    "          9               1",
                    "T1 2", "Lfilter:x", ">other@x", "Sa", "Dsent", "Rb", "M", "Nx", "X", "rr@x",
                    "ee@x", "Lfilter:y", ">z", "Alog_ident=1", "Anotify_flags=1",
                    "Adsn_orig_rcpt=x;y", "Rc", "E");
}

static void what_postdrop_refuses_is_refused_again(void **state)
{
    (void)state;
    ASSERT_VERDICTS("cdddcccMcXcE", "T1 2", "Aclient_address=192.0.2.1", "Asasl_username=root",
                    "Alog_ident=1", "Aencoding=8bit", "Sa", "Rb", "M", "Nx", "X", "Rc", "E");
    ASSERT_VERDICTS("cb", "Sa", "Lfilter:x");
    ASSERT_VERDICTS("cb", "Sa", ">other@x");
    ASSERT_VERDICTS("cb", "Sa", "Rb\n");
    ASSERT_VERDICTS("ccMb", "Sa", "Rb", "M", "Nx\n.\nMAIL FROM:<>");
    ASSERT_REQUEUED("ccM", "Aclient_address=192.0.2.1", "Sa", "M");
}

static void a_user_who_needs_no_postdrop_says_no_time_and_only_his_options(void **state)
{
    struct maildrop_copy c = { .direct = true };
    struct record_size said = { .sendopts = SENDOPT_SMTPUTF8 };
    char text[RECORD_SIZE_BYTES + 1];
    struct record size = { REC_SIZE, { text, RECORD_SIZE_BYTES } };

    (void)state;
    record_size_format(&said, text);
    ASSERT_DIRECT("dcccMcXcE", "T1 2", "Arewrite_context=local", "Sa", "Rb", "M", "Nx", "X", "Rc",
                  "E");
    ASSERT_DIRECT("cb", "Sa", "Lfilter:x");
    ASSERT_DIRECT("dcccMcXb", "Aclient_address=192.0.2.1", "Sa", "Rb", "Rc", "M", "Nx", "X",
                  "T1 2");
    ASSERT_DIRECT("cMcXb", "Sa", "M", "Nx", "X", "E");
    assert_int_equal(maildrop_copy_record(&c, &size), MAILDROP_DROP);
    assert_int_equal(c.sendopts, SENDOPT_SMTPUTF8);
}

static void a_file_without_a_sender_is_bad(void **state)
{
    (void)state;
    ASSERT_VERDICTS("cb", "T1 2", "M");
}

static void a_foreign_record_is_bad(void **state)
{
    (void)state;
    ASSERT_VERDICTS("cb", "Sa", "Qx");
    ASSERT_VERDICTS("cMb", "Sa", "M", "Sb");
    ASSERT_VERDICTS("cMXb", "Sa", "M", "X", "Nx");
}

static void options_of_users_are_kept_and_derived_ones_are_not(void **state)
{
    struct record_size size = { .sendopts = 0xff };
    struct maildrop_copy c = { .segment = SEGMENT_ENVELOPE };
    char text[RECORD_SIZE_BYTES + 1];

    (void)state;
    record_size_format(&size, text);
    struct record rec = { 'C', str_from(text) };
    assert_int_equal(maildrop_copy_record(&c, &rec), MAILDROP_DROP);
    assert_int_equal(c.sendopts, SENDOPT_SMTPUTF8 | SENDOPT_REQUIRETLS);
}

static void settings_become_flags_for_cleanup(void **state)
{
    static const struct {
        const char *overrides, *classes;
        bool smtputf8, requeued;
        int without, with;
    } cases[] = {
        { "", "sendmail, verify", true, false, 0, CLEANUP_FLAG_SMTPUTF8_AUTO },
        { "", "sendmail", false, false, 0, 0 },
        { "", "verify", true, false, 0, 0 },
        { "", "all", true, false, 0, CLEANUP_FLAG_SMTPUTF8_AUTO },
        { "no_milters", "", true, false, CLEANUP_FLAG_MILTER, 0 },
        { "", "", true, true, CLEANUP_FLAG_MILTER, 0 },
        { "no_header_body_checks, no_address_mappings", "", true, false,
          CLEANUP_FLAG_FILTER | CLEANUP_FLAG_MAP_OK | CLEANUP_FLAG_BCC_OK, 0 },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct maildrop_flags f = { str_from(cases[i].overrides), str_from(cases[i].classes),
                                    cases[i].smtputf8, cases[i].requeued };
        int all = CLEANUP_FLAG_BOUNCE | CLEANUP_FLAGS_EXTERNAL;
        assert_int_equal(maildrop_cleanup_flags(&f), (all & ~cases[i].without) | cases[i].with);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_file_from_postdrop_is_copied),
        cmocka_unit_test(what_an_earlier_pass_added_does_not_survive_a_requeue),
        cmocka_unit_test(what_postdrop_refuses_is_refused_again),
        cmocka_unit_test(a_user_who_needs_no_postdrop_says_no_time_and_only_his_options),
        cmocka_unit_test(a_file_without_a_sender_is_bad),
        cmocka_unit_test(a_foreign_record_is_bad),
        cmocka_unit_test(options_of_users_are_kept_and_derived_ones_are_not),
        cmocka_unit_test(settings_become_flags_for_cleanup),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
