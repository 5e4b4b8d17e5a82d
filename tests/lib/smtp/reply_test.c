#include "smtp/reply.h"
#include "unit.h"

#define LIMIT 64

static size_t long_lines, long_replies;

static void count(void *context, enum smtp_note note, struct str text)
{
    (void)context;
    (void)text;
    long_lines += note == SMTP_NOTE_LONG_LINE;
    long_replies += note == SMTP_NOTE_LONG_REPLY;
}

/* Feed `piece` until the reader has an opinion, at most `times`; as a driver does, with what is
 * left over in front of the next piece. */
static enum smtp_reply_result feed(struct smtp_reply_reader *r, struct str piece, size_t times,
                                   struct smtp_answer *answer)
{
    enum smtp_reply_result result = SMTP_REPLY_MORE;
    BUF_AUTO(left, 0);

    while (times-- && result == SMTP_REPLY_MORE) {
        buf_add(&left, piece);
        struct str in = buf_str(&left);
        result = smtp_reply_read(r, &in, answer);
        buf_consume(&left, left.len - in.len);
    }
    return result;
}

static struct smtp_reply_reader reader(void)
{
    struct smtp_reply_reader r;

    smtp_reply_reader_init(&r, LIMIT);
    r.note = count;
    long_lines = long_replies = 0;
    return r;
}

static void an_overlong_line_is_cut_and_noted_once(void **state)
{
    struct smtp_reply_reader r = reader();
    struct smtp_answer answer;
    BUF_AUTO(piece, 0);

    (void)state;
    for (int i = 0; i < 1000; i++)
        buf_addc(&piece, 'x');
    assert_int_equal(feed(&r, buf_str(&piece), 20, &answer), SMTP_REPLY_MORE);
    assert_int_equal(feed(&r, STR("\r\n250 2.0.0 fine\r\n"), 1, &answer), SMTP_REPLY_OK);
    assert_int_equal(answer.code, 250);
    assert_int_equal(long_lines, 1);
    smtp_reply_reader_fini(&r);
}

static void a_line_or_a_reply_without_end_is_given_up(void **state)
{
    static const struct str babble[] = { STR("no end"), STR("250-more\r\n"), STR("?\n") };
    struct smtp_answer answer;

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(babble); i++) {
        struct smtp_reply_reader r = reader();
        assert_int_equal(feed(&r, babble[i], 1000 * 1000, &answer), SMTP_REPLY_BAD);
        assert_true(long_lines <= 1 && long_replies <= 1);
        smtp_reply_reader_fini(&r);
    }
}

static void many_replies_are_no_endless_reply(void **state)
{
    struct smtp_reply_reader r = reader();
    struct smtp_answer answer;

    (void)state;
    for (int i = 0; i < 300 * 1000; i++)
        assert_int_equal(feed(&r, STR("250 ok\r\n"), 1, &answer), SMTP_REPLY_OK);
    smtp_reply_reader_fini(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_overlong_line_is_cut_and_noted_once),
        cmocka_unit_test(a_line_or_a_reply_without_end_is_given_up),
        cmocka_unit_test(many_replies_are_no_endless_reply),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
