#include "base/attr.h"
#include "sasl/dovecot.h"
#include "unit.h"

#include <string.h>

#define HELLO                                                                                      \
    "VERSION\t1\t2\nMECH\tPLAIN\tplaintext\nMECH\tLOGIN\tplaintext\nSPID\t7\nCUID\t1\nCOOKIE\tx\n" \
    "DONE\n"

static void feed(struct dovecot *d, const char *bytes, size_t len)
{
    size_t room;
    char *at = dovecot_room(d, &room);

    assert_true(len <= room);
    memcpy(at, bytes, len);
    dovecot_filled(d, len);
}

static struct dovecot_event hear(struct dovecot *d, const char *text)
{
    feed(d, text, strlen(text));
    return dovecot_next(d);
}

static void begin(struct dovecot *d, struct buf *out)
{
    dovecot_init(d);
    dovecot_hello(d, 77, out);
}

static void ask(struct dovecot *d, struct buf *out)
{
    struct dovecot_request r = { .service = STR("smtp"),
                                 .mechanism = STR("PLAIN"),
                                 .server_address = STR("192.0.2.1"),
                                 .client_address = STR("192.0.2.9"),
                                 .initial = STR("AGEAYg==") };

    buf_clear(out);
    dovecot_request(d, &r, out);
}

static void a_hello_needs_no_answer_first(void **state)
{
    struct dovecot d;
    BUF_AUTO(out, 0);

    (void)state;
    begin(&d, &out);
    assert_string_equal(buf_cstr(&out), "VERSION\t1\t0\nCPID\t77\n");
    assert_int_equal(dovecot_next(&d).kind, DOVECOT_MORE);
    dovecot_fini(&d);
}

static void a_handshake_in_pieces_of_any_size_tells_the_mechanisms(void **state)
{
    (void)state;
    for (size_t size = 1; size <= sizeof HELLO; size++) {
        struct dovecot d;
        struct dovecot_event ev = { 0 };
        BUF_AUTO(out, 0);
        begin(&d, &out);
        for (size_t at = 0; at < sizeof HELLO - 1; at += size) {
            assert_int_equal(ev.kind, DOVECOT_MORE);
            feed(&d, &HELLO[at], MIN(size, sizeof HELLO - 1 - at));
            ev = dovecot_next(&d);
        }
        assert_int_equal(ev.kind, DOVECOT_READY);
        assert_int_equal(d.mechanism_count, 2);
        assert_non_null(dovecot_find(&d, STR("login")));
        assert_int_equal(d.mechanisms[0].properties, SASL_PLAINTEXT);
        dovecot_fini(&d);
    }
}

static void properties_and_private_mechanisms_are_told(void **state)
{
    struct dovecot d;
    BUF_AUTO(out, 0);

    (void)state;
    begin(&d, &out);
    assert_int_equal(hear(&d, "VERSION\t1\t3\nMECH\tGSSAPI\tMutual-Auth\tforward-secrecy\tnew\n"
                              "MECH\tX\tprivate\nMECH\tA\rB\n\nNEWS\tx\nDONE\n")
                         .kind,
                     DOVECOT_READY);
    assert_int_equal(d.mechanism_count, 2);
    assert_int_equal(d.mechanisms[0].properties, SASL_MUTUAL_AUTH | SASL_FORWARD_SECRECY);
    assert_int_equal(d.mechanisms[1].properties, SASL_PRIVATE);
    dovecot_fini(&d);
}

static void who_is_no_auth_server_is_told_apart(void **state)
{
    static const struct {
        const char *hello, *text;
    } cases[] = {
        { "VERSION\t2\t0\n", "SASL: Protocol version mismatch (2 vs. 1)" },
        { "VERSION\t1\n", "SASL: Protocol version error" },
        { "VERSION\tx\ty\n", "SASL: Protocol version error" },
        { "VERSION\t1\t1\nSPID\t5\n",
          "SASL: Connected to wrong auth socket (auth-master instead of auth-client)" },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct dovecot d;
        BUF_AUTO(out, 0);
        BUF_AUTO(text, 0);
        begin(&d, &out);
        struct dovecot_event ev = hear(&d, cases[i].hello);
        assert_int_equal(ev.kind, DOVECOT_BROKEN);
        dovecot_format_fault(&ev, &text);
        assert_string_equal(buf_cstr(&text), cases[i].text);
        dovecot_fini(&d);
    }
}

static void a_request_has_its_response_last(void **state)
{
    struct dovecot d;
    BUF_AUTO(out, 0);

    (void)state;
    begin(&d, &out);
    ask(&d, &out);
    assert_string_equal(buf_cstr(&out), "AUTH\t1\tPLAIN\tservice=smtp\tnologin\tlip=192.0.2.1\trip="
                                        "192.0.2.9\tresp=AGEAYg==\n");
    buf_clear(&out);
    dovecot_request(&d,
                    &(struct dovecot_request){
                        .service = STR("smtp"), .mechanism = STR("login"), .secured = true },
                    &out);
    assert_string_equal(buf_cstr(&out),
                        "AUTH\t2\tlogin\tservice=smtp\tnologin\tlip=\trip=\tsecured\n");
    buf_clear(&out);
    dovecot_continue(&d, STR(""), &out);
    assert_string_equal(buf_cstr(&out), "CONT\t2\t\n");
    dovecot_fini(&d);
}

static void answers_to_the_request_under_way_count_and_no_others(void **state)
{
    static const struct {
        const char *answer;
        enum dovecot_kind kind;
        const char *text, *user;
        enum dovecot_fault fault;
    } cases[] = {
        { "OK\t1\tuser=ana\tuid=5\n", DOVECOT_SUCCESS, "", "ana", 0 },
        { "OK\t9\tuser=eve\nNEWS\nOK\t1\tuser=ana\n", DOVECOT_SUCCESS, "", "ana", 0 },
        { "OK\t1\n", DOVECOT_FAILURE, "Authentication backend error", "", DOVECOT_FAULT_NO_USER },
        { "CONT\t1\tVXNlcg==\n", DOVECOT_CHALLENGE, "VXNlcg==", "", 0 },
        { "CONT\t1\t\n", DOVECOT_CHALLENGE, "", "", 0 },
        { "CONT\t1\n", DOVECOT_FAILURE, "Authentication backend error", "",
          DOVECOT_FAULT_NO_CHALLENGE },
        { "CONT\t1\tno base64\r\n", DOVECOT_FAILURE, "Authentication backend error", "",
          DOVECOT_FAULT_NO_CHALLENGE },
        { "FAIL\t1\tuser=ana\treason=go away\ttemp\n", DOVECOT_FAILURE, "go away", "ana", 0 },
        { "FAIL\t1\n", DOVECOT_FAILURE, "", "", 0 },
        { "FAIL\n", DOVECOT_MORE, "", "", 0 },
        { "OK\tx\tuser=ana\n", DOVECOT_MORE, "", "", 0 },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct dovecot d;
        BUF_AUTO(out, 0);
        begin(&d, &out);
        assert_int_equal(hear(&d, HELLO).kind, DOVECOT_READY);
        ask(&d, &out);
        struct dovecot_event ev = hear(&d, cases[i].answer);
        assert_int_equal(ev.kind, cases[i].kind);
        assert_true(str_equal(ev.text, str_from(cases[i].text)));
        assert_true(str_equal(ev.user, str_from(cases[i].user)));
        assert_int_equal(ev.fault, cases[i].fault);
        dovecot_fini(&d);
    }
}

static void a_line_without_end_is_not_kept_for_ever(void **state)
{
    struct dovecot d;
    char text[4096];
    size_t fed = 0;
    BUF_AUTO(out, 0);

    (void)state;
    memset(text, 'x', sizeof text);
    begin(&d, &out);
    struct dovecot_event ev = { 0 };
    for (; ev.kind == DOVECOT_MORE && fed < 2 * DOVECOT_LINE_MAX; fed += sizeof text) {
        feed(&d, text, sizeof text);
        ev = dovecot_next(&d);
    }
    assert_int_equal(ev.kind, DOVECOT_BROKEN);
    assert_int_equal(ev.fault, DOVECOT_FAULT_LINE);
    dovecot_fini(&d);
}

static void a_new_connection_forgets_all_but_the_count(void **state)
{
    struct dovecot d;
    BUF_AUTO(out, 0);

    (void)state;
    begin(&d, &out);
    assert_int_equal(hear(&d, HELLO).kind, DOVECOT_READY);
    ask(&d, &out);
    feed(&d, "half a li", 9);
    dovecot_hello(&d, 77, &out);
    assert_int_equal(d.mechanism_count, 0);
    assert_int_equal(hear(&d, HELLO).kind, DOVECOT_READY);
    assert_int_equal(d.mechanism_count, 2);
    ask(&d, &out);
    assert_true(str_starts(buf_str(&out), STR("AUTH\t2\t")));
    dovecot_fini(&d);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_hello_needs_no_answer_first),
        cmocka_unit_test(a_handshake_in_pieces_of_any_size_tells_the_mechanisms),
        cmocka_unit_test(properties_and_private_mechanisms_are_told),
        cmocka_unit_test(who_is_no_auth_server_is_told_apart),
        cmocka_unit_test(a_request_has_its_response_last),
        cmocka_unit_test(answers_to_the_request_under_way_count_and_no_others),
        cmocka_unit_test(a_line_without_end_is_not_kept_for_ever),
        cmocka_unit_test(a_new_connection_forgets_all_but_the_count),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
