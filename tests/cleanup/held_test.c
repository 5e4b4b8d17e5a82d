#include "cleanup/held.h"
#include "unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static void add_header(struct held *h, const char *text)
{
    held_header_text(h, str_from(text), true);
}

static bool text_is(struct str s, const char *text) { return str_equal(s, str_from(text)); }

static void headers_are_joined_and_the_first_received_is_ours(void **state)
{
    ARENA_AUTO(arena);
    struct held *h = held_new(&arena);

    (void)state;
    add_header(h, "X-Prepended: 1");
    held_header_text(h, STR("Received: by"), false);
    held_header_text(h, STR(" us"), true);
    add_header(h, "\tat noon");
    add_header(h, "received: by them");
    held_end_headers(h);
    assert_int_equal(h->count, 3);
    assert_true(text_is(h->headers[1].text, "Received: by us\n\tat noon"));
    assert_true(h->headers[1].is_own);
    assert_int_equal(held_find(h, STR("RECEIVED"), 1), 2);
    assert_int_equal(held_find(h, STR("Received"), 2), 3);
    held_free(h);
}

static void headers_move_when_others_come_and_go(void **state)
{
    ARENA_AUTO(arena);
    struct held *h = held_new(&arena);

    (void)state;
    add_header(h, "Received: by us");
    add_header(h, "A: 1");
    held_end_headers(h);
    assert_true(held_insert(h, 0, STR("Top: 1")));
    assert_true(held_insert(h, 99, STR("End: 1")));
    assert_true(held_replace(h, 2, STR("A: 2")));
    assert_true(h->headers[1].is_own);
    held_remove(h, 0);
    assert_true(text_is(h->headers[0].text, "Received: by us"));
    assert_true(text_is(h->headers[2].text, "End: 1"));
    held_free(h);
}

static void headers_have_an_end(void **state)
{
    static char large[60000];
    ARENA_AUTO(arena);
    struct held *h = held_new(&arena);
    size_t count = 0;

    (void)state;
    memset(large, 'x', sizeof large);
    while (held_insert(h, count, (struct str){ large, sizeof large }))
        assert_true(++count < 100);
    for (count = 0; held_insert(h, 0, STR("")); count++)
        assert_true(count < HELD_HEADERS_MAX);
    held_free(h);
}

static size_t read_all(const struct held *h, struct buf *out)
{
    struct held_reader reader;
    struct record rec;
    size_t count = 0;

    held_reader_init(&reader, h);
    for (; held_read(&reader, &rec); count++)
        buf_join(out, rec.payload, rec.type == REC_TEXT ? STR("\n") : STR(""));
    held_reader_fini(&reader);
    return count;
}

static void a_body_reads_as_it_was_written_however_large(void **state)
{
    ARENA_AUTO(arena);
    struct held *h = held_new(&arena);
    BUF_AUTO(expected, 0);
    BUF_AUTO(found, 0);
    char text[64];

    (void)state;
    for (int i = 0; i < 50000; i++) {
        int n = snprintf(text, sizeof text, "line number %d", i);
        struct str line = { text, (size_t)n };
        record_put(held_body_out(h, n + 1), REC_TEXT, line);
        held_body_spill(h);
        buf_join(&expected, line, STR("\n"));
    }
    assert_int_equal(h->error, 0);
    assert_true(h->body.on_file > 0);
    for (int again = 0; again < 2; again++) {
        buf_clear(&found);
        assert_int_equal(read_all(h, &found), 50000);
        assert_true(str_equal(buf_str(&found), buf_str(&expected)));
    }
    assert_int_equal(h->body.bytes, expected.len);
    held_drop_body(h);
    assert_int_equal(read_all(h, &found), 0);
    held_free(h);
}

static int in_a_queue(void **state)
{
    static char directory[] = "/tmp/held.XXXXXX";

    (void)state;
    return mkdtemp(directory) && chdir(directory) == 0 && mkdir("incoming", 0700) == 0 ? 0 : -1;
}

static int out_of_it(void **state)
{
    char here[256];

    (void)state;
    if (!getcwd(here, sizeof here) || rmdir("incoming") != 0 || chdir("/") != 0)
        return -1;
    return rmdir(here);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(headers_are_joined_and_the_first_received_is_ours),
        cmocka_unit_test(headers_move_when_others_come_and_go),
        cmocka_unit_test(headers_have_an_end),
        cmocka_unit_test(a_body_reads_as_it_was_written_however_large),
    };
    return cmocka_run_group_tests(tests, in_a_queue, out_of_it);
}
