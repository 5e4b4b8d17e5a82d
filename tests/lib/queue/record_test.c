#include "queue/record.h"
#include "scratch.h"

static struct str bytes_of(struct buf *b) { return buf_str(b); }

static void a_record_is_type_length_payload(void **state)
{
    static const struct {
        char type;
        size_t payload;
        const char *head;
        size_t head_len;
    } cases[] = {
        { 'E', 0, "E\x00", 2 },
        { 'N', 1, "N\x01", 2 },
        { 'N', 127, "N\x7f", 2 },
        { 'N', 128, "N\x80\x01", 3 },
        { 'N', 2048, "N\x80\x10", 3 },
        { 'N', 16383, "N\xff\x7f", 3 },
        { 'N', 16384, "N\x80\x80\x01", 4 },
    };
    char *payload = calloc(1, 20000);

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        BUF_AUTO(out, 0);
        record_put(&out, cases[i].type, (struct str){ payload, cases[i].payload });
        assert_int_equal(out.len, cases[i].head_len + cases[i].payload);
        assert_memory_equal(out.ptr, cases[i].head, cases[i].head_len);
    }
    free(payload);
}

static void attributes_and_times_are_text(void **state)
{
    BUF_AUTO(out, 0);

    (void)state;
    record_put_attr(&out, "encoding", STR("8bit"));
    record_put_attr_int(&out, "create_time", 1795290872);
    record_put_time(&out, (struct timeval){ 1795290872, 727590 });
    assert_str_equal(bytes_of(&out), "A\x0d"
                                     "encoding=8bit"
                                     "A\x16"
                                     "create_time=1795290872"
                                     "T\x11"
                                     "1795290872 727590");
}

static void long_lines_are_cut_and_exact_ones_end_with_an_empty_record(void **state)
{
    BUF_AUTO(out, 0);

    (void)state;
    record_put_line(&out, STR("abcd"), 4);
    record_put_line(&out, STR("abcde"), 4);
    record_put_line(&out, STR(""), 4);
    assert_int_equal(out.len, 19);
    assert_memory_equal(out.ptr,
                        "L\x04"
                        "abcd"
                        "N\x00"
                        "L\x04"
                        "abcd"
                        "N\x01"
                        "e"
                        "N\x00",
                        19);
}

static void a_buffer_that_is_full_never_holds_half_a_record(void **state)
{
    BUF_AUTO(out, 10);

    (void)state;
    record_put(&out, 'N', STR("1234"));
    record_put(&out, 'N', STR("123"));
    assert_int_equal(out.len, 6);
    assert_true(out.full);
}

static void take_undoes_put(void **state)
{
    BUF_AUTO(out, 0);
    struct record rec;

    (void)state;
    record_put(&out, 'S', STR("a@b.example"));
    record_put(&out, 'M', STR(""));
    struct str in = buf_str(&out);
    assert_int_equal(record_take(&in, &rec), RECORD_OK);
    assert_int_equal(rec.type, 'S');
    assert_str_equal(rec.payload, "a@b.example");
    assert_int_equal(record_take(&in, &rec), RECORD_OK);
    assert_int_equal(rec.type, 'M');
    assert_int_equal(rec.payload.len, 0);
    assert_int_equal(record_take(&in, &rec), RECORD_MORE);
}

static void incomplete_records_consume_nothing(void **state)
{
    static const struct {
        const char *bytes;
        size_t len;
        enum record_take want;
    } cases[] = {
        { "", 0, RECORD_MORE },
        { "N", 1, RECORD_MORE },
        { "N\x80", 2, RECORD_MORE },
        { "N\x05"
          "abcd",
          6, RECORD_MORE },
        { "N\x80\x80\x80\x80\x01", 6, RECORD_BAD },
        { "N\xff\xff\xff\xff", 5, RECORD_BAD },
        { "N\x80\x80\x80\x00", 5, RECORD_OK }, /* long-winded, but within four bytes */
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct str in = { cases[i].bytes, cases[i].len };
        struct record rec;
        assert_int_equal(record_take(&in, &rec), cases[i].want);
        assert_int_equal(in.len, cases[i].want == RECORD_OK ? 0 : cases[i].len);
    }
}

static void an_attribute_has_a_name(void **state)
{
    static const struct {
        const char *text, *name, *value;
    } cases[] = {
        { "a=b", "a", "b" },  { "a=", "a", "" },      { "a=b=c", "a", "b=c" },
        { "=b", NULL, NULL }, { "none", NULL, NULL }, { "", NULL, NULL },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct str name, value;
        assert_int_equal(record_split_attr(str_from(cases[i].text), &name, &value),
                         cases[i].name != NULL);
        if (cases[i].name == NULL)
            continue;
        assert_str_equal(name, cases[i].name);
        assert_str_equal(value, cases[i].value);
    }
}

static void arrival_times_of_any_age_are_read(void **state)
{
    struct timeval t;

    (void)state;
    assert_true(record_parse_time(STR("1795290872 727590"), &t));
    assert_int_equal(t.tv_sec, 1795290872);
    assert_int_equal(t.tv_usec, 727590);
    assert_true(record_parse_time(STR("  900000000"), &t));
    assert_int_equal(t.tv_sec, 900000000);
    assert_int_equal(t.tv_usec, 0);
    assert_false(record_parse_time(STR(""), &t));
    assert_false(record_parse_time(STR("x"), &t));
    assert_false(record_parse_time(STR("-5 0"), &t));
    assert_false(record_parse_time(STR("5 1000000"), &t));
}

/* The first record of dump B. */
static void the_size_record_has_fixed_columns(void **state)
{
    const char *golden = "            309             803               2               0          "
                         "   309               0";
    struct record_size s = { 309, 803, 2, 0, 309, 0 }, back;
    char text[RECORD_SIZE_BYTES + 1];

    (void)state;
    record_size_format(&s, text);
    assert_string_equal(text, golden);
    assert_int_equal(strlen(golden), RECORD_SIZE_BYTES);
    assert_true(record_size_parse(str_from(golden), &back));
    assert_memory_equal(&back, &s, sizeof s);
    assert_true(record_size_is_valid(&back));
}

static void size_records_of_other_releases_are_read(void **state)
{
    static const struct {
        const char *text;
        bool parses, valid;
        int64_t text_size, sendopts;
    } cases[] = {
        { "309 803", true, true, 309, 0 },
        { "309 803 2 0", true, true, 309, 0 },
        { "373 799 3 24 341", true, true, 341, 0 },
        { "373 799 3 24 341 0", true, true, 341, 0 },
        { "1 2 3 0 5 64", true, true, 5, 0 },
        { "1 2 3 0 5 33", true, true, 5, 33 },
        { "0 0 0 0 0 1", true, false, 0, 1 }, /* maildrop */
        { "0 803 1 0 5 0", true, false, 5, 0 },
        { "309 -1 1 0 5 0", true, false, 5, 0 },
        { "309 803 1 32 5 0", true, false, 5, 0 },
        { "309 803 1 0 -5 0", true, false, -5, 0 },
        { "", false, false, 0, 0 },
        { "309 x", false, false, 0, 0 },
        { "1 2 3 4 5 6 7", false, false, 0, 0 },
        { "99999999999999999999 1", false, false, 0, 0 },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct record_size s;
        assert_int_equal(record_size_parse(str_from(cases[i].text), &s), cases[i].parses);
        if (!cases[i].parses)
            continue;
        assert_int_equal(record_size_is_valid(&s), cases[i].valid);
        assert_int_equal(s.text_size, cases[i].text_size);
        assert_int_equal(s.sendopts, cases[i].sendopts);
    }
}

static void each_segment_has_its_types(void **state)
{
    static const char *const sets[] = {
        [SEGMENT_ENVELOPE] = "MCTcFILSDRO/WVA>K<ionpw",
        [SEGMENT_MESSAGE] = "XLNwp",
        [SEGMENT_EXTRACTED] = "EDRO/PreAFIL>Konpw",
    };

    (void)state;
    for (int segment = 0; segment < 3; segment++)
        for (int type = 1; type < 256; type++) {
            bool listed = strchr(sets[segment], type) != NULL && type < 128;
            if (record_allowed((char)type, (enum record_segment)segment) != listed)
                fail_msg("type %c in segment %d", type, segment);
        }
    assert_string_equal(record_name('L', true), "unterminated_text");
    assert_string_equal(record_name('L', false), "content_filter");
    assert_string_equal(record_name('C', false), "message_size");
    assert_null(record_name('?', false));
    assert_null(record_name((char)0x80, false));
}

static void what_no_reader_takes_is_not_written(void **state)
{
    char *payload = calloc(1, RECORD_PAYLOAD_MAX + 1);

    (void)state;
    for (const char *type = "CTcFILSDROWVAK>MNXrePpE<inowf"; *type; type++) {
        size_t limit = record_limit(*type, SEGMENT_MESSAGE);
        BUF_AUTO(out, 0);
        struct record rec;
        record_put(&out, *type, (struct str){ payload, limit });
        assert_false(out.full);
        struct str in = buf_str(&out);
        assert_int_equal(record_take(&in, &rec), RECORD_OK);
        assert_int_equal(rec.payload.len, limit);
        size_t before = out.len;
        record_put(&out, *type, (struct str){ payload, limit + 1 });
        assert_int_equal(out.len, before);
        assert_true(out.full);
    }
    free(payload);
}

static void attributes_have_a_limit_of_their_own(void **state)
{
    char *value = calloc(1, RECORD_ATTR_MAX);
    BUF_AUTO(out, 0);

    (void)state;
    record_put_attr(&out, "name", (struct str){ value, RECORD_ATTR_MAX - 5 });
    assert_false(out.full);
    record_put_attr(&out, "name", (struct str){ value, RECORD_ATTR_MAX - 4 });
    assert_true(out.full);
    free(value);
}

static void lines_of_any_length_come_in_pieces_that_are_read(void **state)
{
    char *room = calloc(1, 3 * RECORD_PAYLOAD_MAX);
    struct str line = { room, 3 * RECORD_PAYLOAD_MAX };
    BUF_AUTO(out, 0);
    struct record rec;
    size_t total = 0;

    (void)state;
    record_put_line(&out, line, SIZE_MAX);
    assert_false(out.full);
    for (struct str in = buf_str(&out); in.len; total += rec.payload.len)
        assert_int_equal(record_take(&in, &rec), RECORD_OK);
    assert_int_equal(total, line.len);
    free(room);
}

static void longer_records_than_any_writer_makes_are_bad(void **state)
{
    static const char head[] = { 'N', (char)0x81, (char)0x80, 0x40 }; /* 1024 * 1024 + 1 */
    struct str in = { head, sizeof head };
    struct record rec;

    (void)state;
    assert_int_equal(record_take(&in, &rec), RECORD_BAD);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_record_is_type_length_payload),
        cmocka_unit_test(attributes_and_times_are_text),
        cmocka_unit_test(long_lines_are_cut_and_exact_ones_end_with_an_empty_record),
        cmocka_unit_test(a_buffer_that_is_full_never_holds_half_a_record),
        cmocka_unit_test(take_undoes_put),
        cmocka_unit_test(incomplete_records_consume_nothing),
        cmocka_unit_test(an_attribute_has_a_name),
        cmocka_unit_test(arrival_times_of_any_age_are_read),
        cmocka_unit_test(the_size_record_has_fixed_columns),
        cmocka_unit_test(size_records_of_other_releases_are_read),
        cmocka_unit_test(each_segment_has_its_types),
        cmocka_unit_test(what_no_reader_takes_is_not_written),
        cmocka_unit_test(attributes_have_a_limit_of_their_own),
        cmocka_unit_test(lines_of_any_length_come_in_pieces_that_are_read),
        cmocka_unit_test(longer_records_than_any_writer_makes_are_bad),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
