/* The little languages of main.cf: log levels, versions, grades, options. */
#include "base/log.h"
#include "tls/engine.h"
#include "unit.h"

static char said[1024];

static void note(enum log_level level, struct str text)
{
    (void)level;
    (void)snprintf(said, sizeof said, STR_FMT, STR_ARG(text));
}

static void log_levels_are_numbers_and_words(void **state)
{
    static const struct {
        const char *text;
        unsigned bits;
    } cases[] = {
        { "", 0 },
        { "0", 0 },
        { "none", 0 },
        { "1", TLS_LOG_SUMMARY },
        { "Routine", TLS_LOG_SUMMARY },
        { "2", TLS_LOG_SUMMARY | TLS_LOG_VERBOSE | TLS_LOG_CACHE | TLS_LOG_DEBUG },
        { "summary, untrusted", TLS_LOG_SUMMARY | TLS_LOG_UNTRUSTED },
        { "3", TLS_LOG_SUMMARY | TLS_LOG_VERBOSE | TLS_LOG_CACHE | TLS_LOG_DEBUG |
                   TLS_LOG_HANDSHAKE_DUMP },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        assert_int_equal(tls_log_parse("x", str_from(cases[i].text)), cases[i].bits);
    assert_int_equal(tls_log_parse("x", STR("9")), tls_log_parse("x", STR("4")));
}

static void an_unknown_log_level_is_none(void **state)
{
    (void)state;
    log_set_sink(note);
    assert_int_equal(tls_log_parse("smtpd_tls_loglevel", STR("bogus")), 0);
    assert_string_equal(said, "warning: unknown smtpd_tls_loglevel value \"bogus\" in \"bogus\"");
    assert_int_equal(tls_log_parse("smtpd_tls_loglevel", STR("10")), 0);
    log_set_sink(NULL);
}

#define ALL_BUT(x)                                                                \
    ((SSL_OP_NO_SSLv3 | SSL_OP_NO_TLSv1 | SSL_OP_NO_TLSv1_1 | SSL_OP_NO_TLSv1_2 | \
      SSL_OP_NO_TLSv1_3) &                                                        \
     ~(x))

static void protocol_lists_have_limits_and_names(void **state)
{
    static const struct {
        const char *list;
        struct protocol_range range;
    } cases[] = {
        { "", { 0, 0, 0 } },
        { ">=TLSv1", { TLS1_VERSION, 0, 0 } },
        { ">=tlsv1.1, <=TLSv1.2", { TLS1_1_VERSION, TLS1_2_VERSION, 0 } },
        { ">=None:<=0303", { 0, TLS1_2_VERSION, 0 } },
        { "!SSLv2 !SSLv3", { 0, 0, SSL_OP_NO_SSLv3 } },
        { "TLSv1.3", { 0, 0, ALL_BUT(SSL_OP_NO_TLSv1_3) } },
        { "TLSv1.2 TLSv1.3 !TLSv1.3", { 0, 0, ALL_BUT(SSL_OP_NO_TLSv1_2) } },
        { "SSLv2", { 0, 0, ALL_BUT(0) } },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct protocol_range range;
        assert_true(protocols_parse(str_from(cases[i].list), &range));
        assert_int_equal(range.floor, cases[i].range.floor);
        assert_int_equal(range.ceiling, cases[i].range.ceiling);
        assert_int_equal(range.forbidden, cases[i].range.forbidden);
    }
}

static void one_unknown_word_spoils_a_protocol_list(void **state)
{
    static const char *const lists[] = { "TLSv9",   ">=",      ">=SSLv2", "!bogus",
                                         "TLSv1 x", ">=0303g", "<=012345" };
    struct protocol_range range;

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(lists); i++)
        assert_false(protocols_parse(str_from(lists[i]), &range));
}

static void exclusions_stand_behind_the_grade(void **state)
{
    struct tls_params common = { .tls_high_cipherlist = STR("HIGH"),
                                 .tls_medium_cipherlist = STR("MEDIUM"),
                                 .tls_null_cipherlist = STR("eNULL") };
    struct str exclusions[] = { STR("aNULL, MD5"), STR_NONE, STR("RC4:DES") };
    static const char *const grades[][2] = { { "HIGH", "HIGH:!aNULL:!MD5:!RC4:!DES" },
                                             { "low", "MEDIUM:!aNULL:!MD5:!RC4:!DES" },
                                             { "null", "eNULL:!aNULL:!MD5:!RC4:!DES" } };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(grades); i++) {
        BUF_AUTO(list, 0);
        assert_true(ciphers_compose(&common, STR("x[1]"), str_from(grades[i][0]), exclusions,
                                    ARRAY_LEN(exclusions), &list));
        assert_string_equal(buf_cstr(&list), grades[i][1]);
    }
}

static void a_wrong_grade_or_exclusion_is_said(void **state)
{
    struct tls_params common = { .tls_high_cipherlist = STR("HIGH") };
    struct str signs = STR("+RC4");
    BUF_AUTO(list, 0);

    (void)state;
    log_set_sink(note);
    assert_false(ciphers_compose(&common, STR("x[1]"), STR("X"), NULL, 0, &list));
    assert_string_equal(said, "warning: x[1]: invalid cipher grade: \"X\"");
    assert_false(ciphers_compose(&common, STR("x[1]"), STR("high"), &signs, 1, &list));
    assert_string_equal(said, "warning: x[1]: invalid unary '!+-@' in cipher exclusion: +RC4");
    log_set_sink(NULL);
}

static void options_are_names_or_masks(void **state)
{
    struct tls_params common = { .tls_ssl_options = STR("no_ticket, 0x4000 bogus"),
                                 .tls_disable_workarounds = STR("TLSEXT_PADDING") };

    (void)state;
    log_set_sink(note);
    uint64_t bits = options_parse(&common);
    assert_string_equal(said,
                        "warning: unknown tls_ssl_options value \"bogus\" in \"no_ticket, 0x4000 "
                        "bogus\"");
    assert_true(bits & SSL_OP_NO_TICKET);
    assert_true(bits & 0x4000);
    assert_true(bits & SSL_OP_NO_RENEGOTIATION);
    assert_false(bits & SSL_OP_TLSEXT_PADDING);
    assert_true(bits & SSL_OP_SAFARI_ECDHE_ECDSA_BUG);
    log_set_sink(NULL);
}

static void a_mask_cannot_undo_what_other_settings_say(void **state)
{
    struct tls_params common = { .tls_ssl_options = STR("0xffffffff") };

    (void)state;
    uint64_t bits = options_parse(&common);
    assert_false(bits & (SSL_OP_NO_TLSv1_3 | SSL_OP_NO_TLSv1_2 | SSL_OP_CIPHER_SERVER_PREFERENCE));
}

static void a_session_is_one_line(void **state)
{
    struct tls_facts f = { .protocol = STR("TLSv1.3"),
                           .cipher = STR("TLS_AES_256_GCM_SHA384"),
                           .bits = 256,
                           .algorithm_bits = 256,
                           .key_exchange = STR("x25519"),
                           .server_signature = STR("ECDSA (prime256v1)"),
                           .server_digest = STR("SHA256") };
    BUF_AUTO(text, 0);

    (void)state;
    tls_format_facts(&f, &text);
    assert_string_equal(buf_cstr(&text),
                        "TLSv1.3 with cipher TLS_AES_256_GCM_SHA384 (256/256 bits) key-exchange "
                        "x25519 server-signature ECDSA (prime256v1) server-digest SHA256");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(log_levels_are_numbers_and_words),
        cmocka_unit_test(an_unknown_log_level_is_none),
        cmocka_unit_test(protocol_lists_have_limits_and_names),
        cmocka_unit_test(one_unknown_word_spoils_a_protocol_list),
        cmocka_unit_test(exclusions_stand_behind_the_grade),
        cmocka_unit_test(a_wrong_grade_or_exclusion_is_said),
        cmocka_unit_test(options_are_names_or_masks),
        cmocka_unit_test(a_mask_cannot_undo_what_other_settings_say),
        cmocka_unit_test(a_session_is_one_line),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
