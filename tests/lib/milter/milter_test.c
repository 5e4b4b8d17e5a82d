#include "milter/macro.h"
#include "milter/milter.h"
#include "unit.h"

#include <string.h>

#define OFFER ((struct milter_protocol){ 6, 0x1fffff })

/* ---- what the filter says */

static void packet(struct buf *out, char letter, const void *payload, size_t len)
{
    milter_put_word(out, (uint32_t)len + 1);
    buf_addc(out, letter);
    buf_add(out, (struct str){ payload, len });
}
#define PACKET(out, letter, literal) packet(out, letter, "" literal, sizeof(literal) - 1)

static void agree(struct buf *out, uint32_t version, uint32_t actions, uint32_t steps)
{
    BUF_AUTO(words, 0);

    milter_put_word(&words, version);
    milter_put_word(&words, actions);
    milter_put_word(&words, steps);
    packet(out, 'O', words.ptr, words.len);
}

static void feed(struct milter *m, struct str bytes)
{
    while (bytes.len) {
        size_t room;
        char *at = milter_room(m, &room);
        size_t n = room < bytes.len ? room : bytes.len;
        memcpy(at, bytes.ptr, n);
        milter_filled(m, n);
        bytes = str_skip(bytes, n);
    }
}

static struct milter_reply hear(struct milter *m, struct buf *said)
{
    feed(m, buf_str(said));
    buf_clear(said);
    return milter_next(m);
}

/* A conversation that has got to where `event` waits for its answer. */
static void begin(struct milter *m, uint32_t steps, enum milter_event event)
{
    BUF_AUTO(said, 0);

    milter_init(m, &OFFER);
    milter_sent(m);
    agree(&said, 6, 0x1ff, steps);
    assert_int_equal(hear(m, &said).kind, MILTER_NEGOTIATED);
    (void)milter_say(m, event, STR(""), STR(""));
}

static bool text_is(struct str s, const char *text) { return str_equal(s, str_from(text)); }

/* ---- */

static void the_offer_names_version_actions_and_steps(void **state)
{
    static const char offer[] = "\0\0\0\x0dO\0\0\0\x06\0\0\x01\xff\0\x1f\xff\xff";
    struct milter m;

    (void)state;
    milter_init(&m, &OFFER);
    assert_int_equal(m.out.len, sizeof offer - 1);
    assert_memory_equal(m.out.ptr, offer, sizeof offer - 1);
    milter_fini(&m);
}

static void macros_go_before_every_event_even_before_one_that_is_not_wanted(void **state)
{
    static const char said[] = "\0\0\0\x06"
                               "DHx\0y\0"
                               "\0\0\0\x02"
                               "DM"
                               "\0\0\0\x06"
                               "M<a>\0\0"
                               "\0\0\0\x01"
                               "A";
    struct milter m;

    (void)state;
    milter_init(&m, &OFFER);
    milter_fini(&m);
    milter_resume(&m, 6, MILTER_NO_HELO);
    assert_false(milter_say(&m, MILTER_HELO, STR("x\0y\0"), STR("mx\0")));
    assert_true(milter_say(&m, MILTER_MAIL, STR(""), STR("<a>\0\0")));
    assert_false(milter_say(&m, MILTER_ABORT, STR(""), STR("")));
    assert_int_equal(m.out.len, sizeof said - 1);
    assert_memory_equal(m.out.ptr, said, sizeof said - 1);
    milter_fini(&m);
}

static void an_older_filter_does_not_hear_what_it_cannot_know(void **state)
{
    struct milter m;

    (void)state;
    milter_resume(&m, 2, 0);
    assert_false(milter_say(&m, MILTER_UNKNOWN, STR(""), STR("x\0")));
    assert_false(milter_say(&m, MILTER_DATA, STR(""), STR("")));
    assert_int_equal(m.out.len, 0);
    milter_fini(&m);
}

static void a_mute_filter_owes_no_answer(void **state)
{
    struct milter m;

    (void)state;
    milter_resume(&m, 6, MILTER_MUTE_HEADER | MILTER_MUTE_BODY);
    assert_false(milter_say(&m, MILTER_HEADER, STR(""), STR("a\0b\0")));
    assert_true(milter_say(&m, MILTER_EOH, STR(""), STR("")));
    assert_false(milter_say(&m, MILTER_BODY, STR(""), STR("x")));
    assert_true(milter_say(&m, MILTER_EOM, STR(""), STR("")));
    milter_fini(&m);
}

static void skip_leaves_out_the_rest_of_its_kind(void **state)
{
    struct milter m;
    BUF_AUTO(said, 0);

    (void)state;
    begin(&m, MILTER_MAY_SKIP, MILTER_BODY);
    PACKET(&said, 's', "");
    assert_int_equal(hear(&m, &said).kind, MILTER_CONTINUE);
    assert_false(milter_say(&m, MILTER_BODY, STR(""), STR("more")));
    assert_true(milter_say(&m, MILTER_EOM, STR(""), STR("")));
    assert_true(milter_say(&m, MILTER_BODY, STR(""), STR("of the next message")));
    milter_fini(&m);
}

static void a_filter_may_ask_for_other_macros(void **state)
{
    struct milter m;
    BUF_AUTO(words, 0);
    BUF_AUTO(said, 0);

    (void)state;
    milter_init(&m, &OFFER);
    milter_put_word(&words, 6);
    milter_put_word(&words, 0);
    milter_put_word(&words, 0);
    milter_put_word(&words, MILTER_STAGE_RCPT);
    milter_put_string(&words, STR("i {rcpt_addr}"));
    milter_put_word(&words, 77);
    milter_put_string(&words, STR("x"));
    packet(&said, 'O', words.ptr, words.len);
    assert_int_equal(hear(&m, &said).kind, MILTER_NEGOTIATED);
    assert_true(text_is(milter_macro_names(&m, MILTER_STAGE_RCPT, STR("y")), "i {rcpt_addr}"));
    assert_true(text_is(milter_macro_names(&m, MILTER_STAGE_MAIL, STR("y")), "y"));
    assert_true(text_is(buf_str(&m.notes), "ignoring unknown macro type 77\n"));
    milter_fini(&m);
}

static void options_beyond_the_offer_break_the_conversation(void **state)
{
    static const struct {
        uint32_t version, actions;
        const char *why;
    } cases[] = {
        { 7, 0, "protocol version 7 conflict with MTA protocol version 6" },
        { 6, 0x200, "request mask 0x200 conflict with MTA request mask 0x1ff" },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct milter m;
        BUF_AUTO(said, 0);
        milter_init(&m, &OFFER);
        agree(&said, cases[i].version, cases[i].actions, 0);
        struct milter_reply r = hear(&m, &said);
        assert_int_equal(r.kind, MILTER_BROKEN);
        assert_true(text_is(r.text, cases[i].why));
        assert_int_equal(milter_next(&m).kind, MILTER_BROKEN);
        milter_fini(&m);
    }
}

static void what_is_no_answer_breaks_the_conversation(void **state)
{
    static const struct {
        enum milter_event event;
        const char *bytes;
        size_t len;
        const char *why;
    } cases[] = {
#define CASE(event, bytes, why) { MILTER_##event, bytes, sizeof(bytes) - 1, why }
        CASE(MAIL, "\0\0\0\0", "bad packet length: 0"),
        CASE(MAIL, "\x7f\xff\xff\xff", "unreasonable packet length: 2147483647 > 1073741823"),
        CASE(MAIL, "\0\x20\0\0c", "unreasonable packet length: 2097152 > 1048576"),
        CASE(MAIL,
             "\0\0\0\x02"
             "cx",
             "reply SMFIR_CONTINUE was followed by 1 data bytes"),
        CASE(MAIL,
             "\0\0\0\x05"
             "ha\0b\0",
             "unexpected filter response SMFIR_ADDHEADER after event SMFIC_MAIL"),
        CASE(MAIL,
             "\0\0\0\x01"
             "f",
             "unexpected filter response SMFIR_CONN_FAIL after event SMFIC_MAIL"),
        CASE(RCPT,
             "\0\0\0\x01"
             "~",
             "unexpected filter response (unknown filter reply) after event SMFIC_RCPT"),
        CASE(EOM,
             "\0\0\0\x03"
             "i\0\0",
             "input packet too short for network long"),
        CASE(EOM,
             "\0\0\0\x04"
             "ha\0b",
             "packet too short for string"),
        CASE(EOM,
             "\0\0\0\x06"
             "+<a>\0x",
             "left-over data 1 bytes"),
#undef CASE
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct milter m;
        begin(&m, 0, cases[i].event);
        feed(&m, (struct str){ cases[i].bytes, cases[i].len });
        struct milter_reply r = milter_next(&m);
        assert_int_equal(r.kind, MILTER_BROKEN);
        assert_string_equal(buf_cstr(&m.text), cases[i].why);
        milter_fini(&m);
    }
}

static void what_cannot_be_done_is_the_fault_of_the_configuration(void **state)
{
    static const struct {
        const char *bytes;
        size_t len;
        const char *why;
    } cases[] = {
#define CASE(bytes, why) { bytes, sizeof(bytes) - 1, why }
        CASE("\0\0\0\x08"
             "y200 ok\0",
             "malformed reply: 200 ok"),
        CASE("\0\0\0\x05"
             "y554\0",
             "malformed reply: 554"),
        CASE("\0\0\0\x0b"
             "y550 4.7.1\0",
             "malformed reply: 550 4.7.1"),
        CASE("\0\0\0\x0a"
             "m\0\0\0\x01\0abc\0",
             "null change header name"),
        CASE("\0\0\0\x0a"
             "m\x80\0\0\0a\0b\0\0",
             "left-over data 1 bytes"),
        CASE("\0\0\0\x09"
             "i\x80\0\0\0a\0b\0",
             "bad insert header index: 2147483648"),
#undef CASE
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct milter m;
        begin(&m, 0, MILTER_EOM);
        feed(&m, (struct str){ cases[i].bytes, cases[i].len });
        struct milter_reply r = milter_next(&m);
        assert_true(r.kind == MILTER_MISCONFIGURED || r.kind == MILTER_BROKEN);
        assert_string_equal(buf_cstr(&m.text), cases[i].why);
        milter_fini(&m);
    }
}

static void a_new_body_must_come_in_one_go(void **state)
{
    struct milter m;
    BUF_AUTO(said, 0);

    (void)state;
    begin(&m, 0, MILTER_EOM);
    PACKET(&said, 'b', "one");
    PACKET(&said, 'b', "two");
    PACKET(&said, 'q', "odd\0");
    PACKET(&said, 'h', "X\0y\0");
    PACKET(&said, 'b', "three");
    feed(&m, buf_str(&said));
    for (int i = 0; i < 4; i++)
        assert_int_equal(milter_next(&m).kind, MILTER_REPLACE_BODY);
    assert_int_equal(milter_next(&m).kind, MILTER_QUARANTINE);
    assert_int_equal(milter_next(&m).kind, MILTER_ADD_HEADER);
    assert_int_equal(milter_next(&m).kind, MILTER_MISCONFIGURED);
    milter_fini(&m);
}

static void replies_lose_their_codes_and_per_cent_signs(void **state)
{
    static const struct {
        const char *given;
        int code;
        const char *text;
    } cases[] = {
        { "550 5.7.1 no", 550, "5.7.1 no" },
        { "554 no dsn here", 554, "no dsn here" },
        { "451 4.7.1 50%% of %s", 451, "4.7.1 50% of s" },
        { "550-5.7.1 one\r\n550-5.7.1  b\r\n550 5.7.1 end", 550, "5.7.1 one\n5.7.1  b\n5.7.1 end" },
    };
    static const char *const bad[] = { "550-5.7.1 one\r\n551 5.7.1 two",
                                       "550-one",
                                       "550 one\r\n",
                                       "550 a\nb",
                                       "350 3.0.0 go on",
                                       "550 2.0.0 x",
                                       "" };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct milter m;
        BUF_AUTO(payload, 0);
        BUF_AUTO(said, 0);
        begin(&m, 0, MILTER_RCPT);
        milter_put_string(&payload, str_from(cases[i].given));
        packet(&said, 'y', payload.ptr, payload.len);
        struct milter_reply r = hear(&m, &said);
        assert_int_equal(r.kind, MILTER_REPLY);
        assert_int_equal(r.code, cases[i].code);
        assert_true(text_is(r.text, cases[i].text));
        milter_fini(&m);
    }
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        struct milter m;
        BUF_AUTO(payload, 0);
        BUF_AUTO(said, 0);
        begin(&m, 0, MILTER_RCPT);
        milter_put_string(&payload, str_from(bad[i]));
        packet(&said, 'y', payload.ptr, payload.len);
        assert_int_equal(hear(&m, &said).kind, MILTER_MISCONFIGURED);
        milter_fini(&m);
    }
}

/* What a whole dialogue at the end of a message comes to, fed in pieces of `step` bytes. */
static void replay(struct str said, size_t step, struct buf *seen)
{
    struct milter_reply r;
    struct milter m;

    begin(&m, 0, MILTER_EOM);
    for (size_t at = 0; at < said.len; at += step) {
        feed(&m, str_sub(said, at, at + step));
        while ((r = milter_next(&m)).kind != MILTER_NEED_INPUT) {
            if (r.kind != MILTER_REPLACE_BODY)
                buf_addf(seen, "[%d %u ", (int)r.kind, r.index);
            buf_join(seen, r.name, r.value, r.text);
        }
    }
    assert_false(milter_is_in_packet(&m));
    milter_fini(&m);
}

static void a_dialogue_in_pieces_of_any_size_means_the_same(void **state)
{
    BUF_AUTO(said, 0);
    BUF_AUTO(whole, 0);

    (void)state;
    PACKET(&said, 'p', "");
    PACKET(&said, 'h', "X-A\0one\n two\0");
    PACKET(&said, 'i', "\0\0\0\x01X-B\0b\0");
    PACKET(&said, 'm', "\0\0\0\x02Subject\0\0");
    PACKET(&said, 'b', "first line\r\nsec");
    PACKET(&said, 'b', "");
    PACKET(&said, 'b', "ond line\r\n");
    PACKET(&said, '+', "<a@b>\0");
    PACKET(&said, '2', "<c@d>\0NOTIFY=NEVER\0");
    PACKET(&said, '-', "<e@f>\0");
    PACKET(&said, 'e', "<>\0");
    PACKET(&said, 'q', "smells\0");
    PACKET(&said, 'a', "");
    replay(buf_str(&said), said.len, &whole);
    assert_true(str_find_str(buf_str(&whole), STR("first line\r\nsecond line")) != STR_NOT_FOUND);
    for (size_t step = 1; step <= said.len; step++) {
        BUF_AUTO(seen, 0);
        replay(buf_str(&said), step, &seen);
        assert_true(str_equal(buf_str(&seen), buf_str(&whole)));
    }
}

static void a_body_of_a_hundred_megabytes_needs_little_memory(void **state)
{
    static char piece[65536];
    struct milter m;
    BUF_AUTO(head, 0);
    const size_t all = 100UL * 1024 * 1024;
    size_t total = 0;

    (void)state;
    begin(&m, 0, MILTER_EOM);
    milter_put_word(&head, (uint32_t)all + 1);
    buf_addc(&head, 'b');
    feed(&m, buf_str(&head));
    while (total < all) {
        struct milter_reply r = milter_next(&m);
        if (r.kind == MILTER_NEED_INPUT)
            feed(&m, (struct str){ piece, sizeof piece });
        total += r.value.len;
    }
    assert_true(m.in.cap <= MILTER_PACKET_MAX);
    milter_fini(&m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_offer_names_version_actions_and_steps),
        cmocka_unit_test(macros_go_before_every_event_even_before_one_that_is_not_wanted),
        cmocka_unit_test(an_older_filter_does_not_hear_what_it_cannot_know),
        cmocka_unit_test(a_mute_filter_owes_no_answer),
        cmocka_unit_test(skip_leaves_out_the_rest_of_its_kind),
        cmocka_unit_test(a_filter_may_ask_for_other_macros),
        cmocka_unit_test(options_beyond_the_offer_break_the_conversation),
        cmocka_unit_test(what_is_no_answer_breaks_the_conversation),
        cmocka_unit_test(what_cannot_be_done_is_the_fault_of_the_configuration),
        cmocka_unit_test(a_new_body_must_come_in_one_go),
        cmocka_unit_test(replies_lose_their_codes_and_per_cent_signs),
        cmocka_unit_test(a_dialogue_in_pieces_of_any_size_means_the_same),
        cmocka_unit_test(a_body_of_a_hundred_megabytes_needs_little_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
