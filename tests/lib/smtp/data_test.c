
#include "base/buf.h"
#include "smtp/data.h"
#include "unit.h"

/* Decode in steps of `step`; lines are joined by `|`, pieces of a long line by `+`, the end is `$`,
 * a bare LF adds `!`. */
static void decode(struct smtp_decoder d, struct str wire, size_t step, struct buf *out)
{
    size_t start = 0, end = 0, used;
    struct smtp_piece piece;

    for (;;) {
        enum smtp_decode_result r =
            smtp_decode(&d, str_sub(wire, start, end), d.chunked && end == wire.len, &used, &piece);
        if (r == SMTP_DECODE_MORE && end == wire.len)
            break;
        if (r == SMTP_DECODE_MORE) {
            end = MIN(end + step, wire.len);
            continue;
        }
        start += used;
        if (r == SMTP_DECODE_END) {
            buf_add(out, STR("$"));
            break;
        }
        buf_join(out, piece.text, piece.ends_line ? STR("|") : STR("+"));
    }
    buf_add(out, d.bare_lf ? STR("!") : STR(""));
}

struct decode_case {
    const char *wire;
    const char *want[3]; /* policy no, normalize, chunked */
};

static const struct decode_case cases[] = {
    { "a\r\n.\r\n", { "a|$", "a|$", "a|.|" } },
    { ".\r\n", { "$", "$", ".|" } },
    { "..\r\n...\r\n.x\r\n.\r\n", { ".|..|x|$", ".|..|x|$", "..|...|.x|.|" } },
    { "a\n.\nb\r\n.\r\n", { "a|$!", "a|+b|$!", "a|.|b|.|!" } },
    { "a\n.\r\nb\r\n.\r\n", { "a|$!", "a|+b|$!", "a|.|b|.|!" } },
    { "a\r\n.\nb\r\n.\r\n", { "a|$!", "a|+b|$!", "a|.|b|.|!" } },
    { "a\r.\rb\r\n.\r\n", { "a\r.\rb|$", "a\r.\rb|$", "a\r.\rb|.|" } },
    { "a\r.\r\nb\r\n.\r\n", { "a\r.|b|$", "a\r.|b|$", "a\r.|b|.|" } },
    { "a\r\n.\rb\r\n.\r\n", { "a|\rb|$", "a|\rb|$", "a|.\rb|.|" } },
    { "a\r\n.\r\r\nb\r\n.\r\n", { "a||b|$", "a||b|$", "a|.|b|.|" } },
    { "a\r\r\r\nb\n.\r\n", { "a|b|$!", "a|b|+!", "a|b|.|!" } },
    { "12345678\r\n123456789\r\n.\r\n",
      { "12345678+|12345678+9|$", "12345678+|12345678+9|$", "12345678+|12345678+9|.|" } },
    { ".12345678\r\n.\r\n", { "12345678+|$", "12345678+|$", ".1234567+8|.|" } },
    { "1234567\r\r\r\r\nx\r\n.\r\n", { "1234567+|x|$", "1234567+|x|$", "1234567+|x|.|" } },
    { "no end", { "", "", "no end|" } },
    { "a\r\n\r\n.\r\n", { "a||$", "a||$", "a||.|" } },
};

static void lines_do_not_depend_on_chunks(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        for (int mode = 0; mode < 3; mode++) {
            for (size_t step = 1; step <= 64; step++) {
                BUF_AUTO(got, 4096);
                struct smtp_decoder d;
                if (mode == 2)
                    smtp_decoder_init_chunked(&d, SMTP_BARE_NO, 8);
                else
                    smtp_decoder_init(&d, mode ? SMTP_BARE_NORMALIZE : SMTP_BARE_NO, 8);
                decode(d, str_from(cases[i].wire), step, &got);
                assert_string_equal(buf_cstr(&got), cases[i].want[mode]);
            }
        }
    }
}

static void note_and_reject_decode_like_normalize(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        for (enum smtp_bare_newline p = SMTP_BARE_NOTE; p <= SMTP_BARE_REJECT; p++) {
            BUF_AUTO(got, 4096);
            struct smtp_decoder d;
            smtp_decoder_init(&d, p, 8);
            decode(d, str_from(cases[i].wire), 64, &got);
            assert_string_equal(buf_cstr(&got), cases[i].want[1]);
        }
    }
}

static void encode_check(size_t limit, bool dots, const char *text, const char *want)
{
    BUF_AUTO(whole, 4096);
    BUF_AUTO(cut, 4096);
    struct smtp_encoder e;
    struct str rest = str_from(text);

    smtp_encoder_init(&e, limit, dots);
    smtp_encode(&e, rest, true, &whole);
    smtp_encode_end(&e, &whole);
    smtp_encoder_init(&e, limit, dots);
    for (; rest.len; rest = str_skip(rest, 1))
        smtp_encode(&e, str_sub(rest, 0, 1), rest.len == 1, &cut);
    if (*text == '\0')
        smtp_encode(&e, rest, true, &cut);
    smtp_encode_end(&e, &cut);
    assert_string_equal(buf_cstr(&whole), want);
    assert_string_equal(buf_cstr(&cut), want);
}

static void long_lines_are_folded_and_dots_stuffed(void **state)
{
    (void)state;
    encode_check(10, true, "1234567890", "1234567890\r\n.\r\n");
    encode_check(10, true, "12345678901", "1234567890\r\n 1\r\n.\r\n");
    encode_check(10, true, "1234567890123456789.", "1234567890\r\n 123456789\r\n .\r\n.\r\n");
    encode_check(10, true, ".234567890", "..234567890\r\n.\r\n");
    encode_check(0, true, ".", "..\r\n.\r\n");
    encode_check(0, true, "", "\r\n.\r\n");
    encode_check(0, false, ".", ".\r\n");
    encode_check(0, true, "a\n.\nb", "a\r\n..\r\nb\r\n.\r\n");
}

static void open_line_is_closed_before_the_dot(void **state)
{
    (void)state;
    BUF_AUTO(out, 100);
    struct smtp_encoder e;

    smtp_encoder_init(&e, 0, true);
    smtp_encode(&e, STR("open"), false, &out);
    smtp_encode_end(&e, &out);
    assert_string_equal(buf_cstr(&out), "open\r\n.\r\n");
}

static void policy_words_are_known(void **state)
{
    (void)state;
    enum smtp_bare_newline p = SMTP_BARE_NO;

    assert_true(smtp_bare_newline_parse(STR("yes"), &p) && p == SMTP_BARE_NORMALIZE);
    assert_true(smtp_bare_newline_parse(STR("Reject"), &p) && p == SMTP_BARE_REJECT);
    assert_false(smtp_bare_newline_parse(STR("maybe"), &p));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lines_do_not_depend_on_chunks),
        cmocka_unit_test(note_and_reject_decode_like_normalize),
        cmocka_unit_test(long_lines_are_folded_and_dots_stuffed),
        cmocka_unit_test(open_line_is_closed_before_the_dot),
        cmocka_unit_test(policy_words_are_known),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
