/* The two layouts of a queue listing, against reference text in tests/golden/queue. */
#include "os/fd.h"
#include "tools/postqueue/report.h"
#include "unit.h"

#include <fcntl.h>
#include <stdlib.h>
#include <time.h>

struct line {
    const char *queue, *id, *sender;                     /* a message, or ... */
    const char *original, *address, *log_class, *reason; /* ... a recipient of it */
    int64_t size;
    bool expire;
};

static const struct line lines[] = {
    { .queue = "active", .id = "123451A", .sender = "act@x", .size = 21, .expire = true },
    { .original = "", .address = "r0@y", .log_class = "", .reason = "" },
    { .original = "", .address = "r1@y", .log_class = "", .reason = "" },
    { .queue = "deferred", .id = "ABCDE16", .sender = "MAILER-DAEMON", .size = 123456789 },
    { .original = "", .address = "b@x", .log_class = "defer", .reason = "why not" },
    { .original = "orig@c", .address = "c@x", .log_class = "defer", .reason = "why not" },
    { .original = "",
      .address = "bounced@x",
      .log_class = "bounce",
      .reason = "no such \"user\"\twith\\slash" },
    { .original = "", .address = "a@x", .log_class = "", .reason = "" },
    { .queue = "deferred", .id = "323451C", .sender = "red@x", .size = 21 },
    { .original = "",
      .address = "redir@z",
      .log_class = "defer",
      .reason = "a reason that is longer than the seventy-six columns that are there for it and "
                "stays whole" },
    { .queue = "hold",
      .id = "223451B",
      .sender = "\"\\\"odd \\\\name\"@x",
      .size = 21,
      .expire = true },
    { .original = "", .address = "\"odd r\"@y", .log_class = "", .reason = "" },
    { .original = "", .address = "esc\033[2Jape@x", .log_class = "", .reason = "" },
    { .original = "", .address = "latin\xe9@x", .log_class = "", .reason = "" },
    { .original = "", .address = "utf\xc3\xa9@x", .log_class = "", .reason = "" },
};

static void feed(struct report *r)
{
    struct listing_sink sink = report_sink(r);
    bool inside = false;

    for (size_t i = 0; i < ARRAY_LEN(lines); i++) {
        const struct line *l = &lines[i];
        if (l->queue) {
            if (inside)
                sink.message_end(sink.context);
            inside = true;
            sink.message(sink.context, &(struct listing_message){
                                           str_from(l->queue), str_from(l->id), str_from(l->sender),
                                           1795290872, l->size, l->expire });
        } else {
            sink.recipient(sink.context, &(struct listing_recipient){
                                             str_from(l->original), str_from(l->address),
                                             str_from(l->log_class), str_from(l->reason) });
        }
    }
    sink.message_end(sink.context);
    report_finish(r);
}

static void assert_golden(bool json, bool long_ids, const char *path)
{
    struct report r;
    BUF_AUTO(want, 0);

    report_init(&r, json, long_ids);
    feed(&r);
    assert_true(fd_read_file(AT_FDCWD, path, &want));
    assert_string_equal(buf_cstr(&r.out), buf_cstr(&want));
    report_free(&r);
}

static void the_listing_for_people_looks_as_ever(void **state)
{
    (void)state;
    assert_golden(false, false, "golden/queue/mailq.txt");
    assert_golden(false, true, "golden/queue/mailq-long-ids.txt");
}

static void the_listing_for_programs_looks_as_ever(void **state)
{
    (void)state;
    assert_golden(true, false, "golden/queue/mailq.json");
}

static void an_empty_queue_is_said_in_words_and_not_in_json(void **state)
{
    struct report r;

    (void)state;
    report_init(&r, false, false);
    report_finish(&r);
    assert_string_equal(buf_cstr(&r.out), "Mail queue is empty\n");
    report_free(&r);
    report_init(&r, true, false);
    report_finish(&r);
    assert_int_equal(r.out.len, 0);
    report_free(&r);
}

static void one_message_is_one_request(void **state)
{
    struct report r;

    (void)state;
    report_init(&r, false, false);
    struct listing_sink sink = report_sink(&r);
    sink.message(sink.context,
                 &(struct listing_message){ STR("hold"), STR("A1"), STR("x"), 0, 2047, false });
    sink.message_end(sink.context);
    report_finish(&r);
    assert_true(str_ends(buf_str(&r.out), STR("\n\n-- 1 Kbytes in 1 Request.\n")));
    report_free(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_listing_for_people_looks_as_ever),
        cmocka_unit_test(the_listing_for_programs_looks_as_ever),
        cmocka_unit_test(an_empty_queue_is_said_in_words_and_not_in_json),
        cmocka_unit_test(one_message_is_one_request),
    };
    (void)setenv("TZ", "UTC", 1);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
