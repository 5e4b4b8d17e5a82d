#include "queue/file.h"
#include "scratch.h"

#include <sys/mman.h>

static int memory_file(struct str content)
{
    int fd = memfd_create("queue-file", MFD_CLOEXEC);

    assert_true(fd >= 0);
    assert_true(fd_write_all(fd, content));
    return fd;
}

/* Types of all records that come, then how it ended: '.' end, '!' corrupt. */
static void read_types(struct queue_file *f, char *types, size_t size)
{
    struct record rec;
    enum queue_read result;
    size_t n = 0;

    while ((result = queue_file_read(f, &rec)) == QUEUE_READ_RECORD && n + 2 < size)
        types[n++] = rec.type;
    types[n++] = result == QUEUE_READ_END ? '.' : result == QUEUE_READ_CORRUPT ? '!' : '?';
    types[n] = '\0';
}

static void files_are_read_as_they_stand(void **state)
{
    static const struct {
        const char *bytes;
        size_t len;
        const char *types;
    } cases[] = {
        { "", 0, "." },
        { "M\0N\1xX\0E\0", 9, "MNXE." },
        { "M\0w\2  N\1xE\0", 11, "MNE." },
        { "N\5ab", 4, "!" },
        { "N", 1, "!" },
        { "N\x80\x80\x80\x80\1", 6, "!" },
        { "p\2 0N\1xE\0", 9, "NE." },    /* no jump */
        { "p\2 7N\1xE\0", 9, "E." },     /* over the N */
        { "p\3  0p\1\x37N\0", 10, "!" }, /* into the middle of nothing known: see below */
        { "N\1xp\1\x30"
          "E\0",
          8, "NE." },
        { "p\2-1E\0", 6, "!" },
        { "p\2 xE\0", 6, "!" },
        { "p\3999E\0", 7, "!" },
        { "N\1xp\1"
          "0p\1"
          "3",
          9, "N!" }, /* a loop: 3 -> 3 */
        { "p\1\x30p\1\x33", 6, "!" },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct queue_file f;
        char types[64];
        queue_file_init(&f, memory_file((struct str){ cases[i].bytes, cases[i].len }));
        read_types(&f, types, sizeof types);
        if (strcmp(types, cases[i].types) != 0)
            fail_msg("case %zu: got %s, want %s", i, types, cases[i].types);
        queue_file_close(&f);
    }
}

/* The structure of dump C: header edits lead through the heap behind E and back. */
static void pointers_lead_through_the_heap_and_back(void **state)
{
    BUF_AUTO(b, 0);
    struct queue_file f;
    char types[64];

    (void)state;
    buf_add(&b, STR("S\0S\0p\2"
                    "19N\1yE\0")); /* 0..14: p at 4 -> 19 */
    assert_int_equal(b.len, 13);
    buf_add(&b, STR("------")); /* 13..19: stale bytes */
    buf_add(&b, STR("A\1aA\1bp\1"
                    "8")); /* 19..28: back to 8 */
    queue_file_init(&f, memory_file(buf_str(&b)));
    read_types(&f, types, sizeof types);
    assert_string_equal(types, "SSAANE!"); /* what follows E is not a record */
    queue_file_close(&f);
}

static void without_following_pointers_and_padding_are_seen(void **state)
{
    struct queue_file f;
    char types[16];

    (void)state;
    queue_file_init(&f, memory_file(STR("p\2 7N\1xw\1 E\0")));
    f.follow = false;
    read_types(&f, types, sizeof types);
    assert_string_equal(types, "pNwE.");
    queue_file_close(&f);
}

static void offsets_are_those_of_the_type_byte(void **state)
{
    struct queue_file f;
    struct record rec;

    (void)state;
    queue_file_init(&f, memory_file(STR("S\1aw\2  R\1bR\1c")));
    assert_int_equal(queue_file_read(&f, &rec), QUEUE_READ_RECORD);
    assert_int_equal(queue_file_read(&f, &rec), QUEUE_READ_RECORD);
    assert_int_equal(f.record_at, 7);
    assert_true(queue_file_mark(f.fd, f.record_at, 'D'));
    queue_file_close(&f);
}

static void a_mark_changes_one_byte(void **state)
{
    int fd = memory_file(STR("R\1aR\1bR\1c"));
    char back[9];

    (void)state;
    assert_true(queue_file_mark(fd, 3, 'D'));
    assert_int_equal(pread(fd, back, 9, 0), 9);
    assert_memory_equal(back, "R\1aD\1bR\1c", 9);
    fd_close(&fd);
}

static void long_files_are_read_across_windows_and_seeks(void **state)
{
    BUF_AUTO(b, 0);
    struct queue_file f;
    struct record rec;
    char line[3000];
    int64_t at_500 = 0;

    (void)state;
    for (int i = 0; i < 1000; i++) {
        memset(line, 'a' + i % 26, sizeof line);
        if (i == 500)
            at_500 = (int64_t)b.len;
        record_put(&b, 'N', (struct str){ line, (size_t)(i * 3) % sizeof line });
    }
    queue_file_init(&f, memory_file(buf_str(&b)));
    for (int i = 0; i < 1000; i++) {
        assert_int_equal(queue_file_read(&f, &rec), QUEUE_READ_RECORD);
        assert_int_equal(rec.payload.len, (size_t)(i * 3) % sizeof line);
        if (rec.payload.len)
            assert_int_equal(rec.payload.ptr[rec.payload.len - 1], 'a' + i % 26);
    }
    assert_int_equal(queue_file_read(&f, &rec), QUEUE_READ_END);
    queue_file_seek(&f, at_500);
    assert_int_equal(queue_file_read(&f, &rec), QUEUE_READ_RECORD);
    assert_int_equal(rec.payload.len, 1500);
    queue_file_close(&f);
}

static void a_record_may_be_larger_than_a_window(void **state)
{
    BUF_AUTO(b, 0);
    struct queue_file f;
    struct record rec;
    char *big = calloc(1, 300000);

    (void)state;
    record_put(&b, 'N', STR("small"));
    record_put(&b, 'N', (struct str){ big, 300000 });
    record_put(&b, 'E', STR(""));
    queue_file_init(&f, memory_file(buf_str(&b)));
    assert_int_equal(queue_file_read(&f, &rec), QUEUE_READ_RECORD);
    assert_int_equal(queue_file_read(&f, &rec), QUEUE_READ_RECORD);
    assert_int_equal(rec.payload.len, 300000);
    assert_int_equal(queue_file_read(&f, &rec), QUEUE_READ_RECORD);
    assert_int_equal(rec.type, 'E');
    queue_file_close(&f);
    free(big);
}

static void a_record_is_as_long_as_any_writer_makes_it(void **state)
{
    static const struct {
        const char *head;
        size_t length;
        const char *types;
    } cases[] = {
        { "N\x80\x80\x40", RECORD_PAYLOAD_MAX, "N." },
        { "N\x81\x80\x40", RECORD_PAYLOAD_MAX + 1, "!" },
    };
    char *text = calloc(1, RECORD_PAYLOAD_MAX + 1);

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct queue_file f;
        char types[8];
        BUF_AUTO(bytes, 0);
        buf_join(&bytes, str_from(cases[i].head), (struct str){ text, cases[i].length });
        queue_file_init(&f, memory_file(buf_str(&bytes)));
        read_types(&f, types, sizeof types);
        assert_string_equal(types, cases[i].types);
        queue_file_close(&f);
    }
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(files_are_read_as_they_stand),
        cmocka_unit_test(pointers_lead_through_the_heap_and_back),
        cmocka_unit_test(without_following_pointers_and_padding_are_seen),
        cmocka_unit_test(offsets_are_those_of_the_type_byte),
        cmocka_unit_test(a_mark_changes_one_byte),
        cmocka_unit_test(long_files_are_read_across_windows_and_seeks),
        cmocka_unit_test(a_record_may_be_larger_than_a_window),
        cmocka_unit_test(a_record_is_as_long_as_any_writer_makes_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
