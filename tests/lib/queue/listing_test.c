#include "queue/bounce_log.h"
#include "queue/listing.h"
#include "queue/record.h"
#include "scratch.h"

#include <fcntl.h>

/* A listing as text: what a reader of it sees. */
static void show_message(void *context, const struct listing_message *m)
{
    buf_addf(context, STR_FMT " " STR_FMT " " STR_FMT " time=%lld size=%lld%s\n", STR_ARG(m->queue),
             STR_ARG(m->id), STR_ARG(m->sender), (long long)m->time, (long long)m->size,
             m->forced_expire ? " expire" : "");
}

static void show_recipient(void *context, const struct listing_recipient *r)
{
    buf_addf(context, "  " STR_FMT "|" STR_FMT "|" STR_FMT "|" STR_FMT "\n", STR_ARG(r->original),
             STR_ARG(r->address), STR_ARG(r->log_class), STR_ARG(r->reason));
}

static void show_end(void *context) { buf_add_cstr(context, "end\n"); }

static struct listing_sink sink_to(struct buf *out)
{
    return (struct listing_sink){ show_message, show_recipient, show_end, out };
}

static void write_file(const char *path, const struct buf *bytes, mode_t mode)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);

    assert_true(fd >= 0);
    assert_int_equal(write(fd, bytes->ptr, bytes->len), bytes->len);
    assert_int_equal(fchmod(fd, mode), 0);
    close(fd);
}

/* One message with the recipients of a list such as "Ra@x Db@x", and those behind the content. */
static void put_message(const char *path, mode_t mode, const char *sender, const char *rcpts,
                        const char *extracted, int64_t rcpt_count)
{
    struct str rest = str_from(rcpts), one;
    char size_text[RECORD_SIZE_BYTES + 1];
    BUF_AUTO(env, 0);
    BUF_AUTO(all, 0);

    record_put(&env, 'T', STR("1795290872 5"));
    record_put(&env, 'S', str_from(sender));
    while (str_token(&rest, " ", &one))
        record_put(&env, one.ptr[0], str_skip(one, 1));
    record_put(&env, 'M', STR_NONE);
    struct record_size size = { .content_size = 9,
                                .data_offset = 97 + (int64_t)env.len,
                                .rcpt_count = rcpt_count };
    record_size_format(&size, size_text);
    record_put(&all, 'C', str_from(size_text));
    buf_add(&all, buf_str(&env));
    record_put(&all, 'N', STR("content"));
    record_put(&all, 'X', STR_NONE);
    rest = str_from(extracted);
    while (str_token(&rest, " ", &one))
        record_put(&all, one.ptr[0], str_skip(one, 1));
    record_put(&all, 'E', STR_NONE);
    write_file(path, &all, mode);
}

static void put_log(const char *path, const char *address, const char *reason)
{
    struct bounce_append entry = { .recipient = str_from(address), .reason = str_from(reason) };
    BUF_AUTO(text, 0);

    bounce_log_format(&text, &entry, true);
    write_file(path, &text, 0600);
}

static void assert_queues(const char *want)
{
    const struct queue_layout layout = { STR("deferred, defer"), 1 };
    BUF_AUTO(shown, 0);
    struct listing_sink sink = sink_to(&shown);

    listing_read_queues(&layout, &sink, NULL);
    assert_string_equal(buf_cstr(&shown), want);
}

static void an_empty_queue_has_no_entries(void **state)
{
    (void)state;
    assert_queues("");
}

static void open_recipients_are_listed_and_done_ones_are_not(void **state)
{
    (void)state;
    put_message("active/A1", 0700, "me@x", "Ra@x Dsent@x Oold@x Rnew@x", "", 3);
    assert_queues("active A1 me@x time=1795290872 size=9\n  |a@x||\n  old@x|new@x||\nend\n");
}

static void files_that_are_being_written_are_passed_over(void **state)
{
    (void)state;
    put_message("incoming/A1", 0600, "me@x", "Ra@x", "", 1);
    assert_queues("");
}

static void the_null_sender_has_a_name(void **state)
{
    (void)state;
    put_message("hold/A1", 0710, "", "Ra@x", "", 1);
    assert_queues("hold A1 MAILER-DAEMON time=1795290872 size=9 expire\n  |a@x||\nend\n");
}

static void recipients_behind_the_content_are_found(void **state)
{
    (void)state;
    put_message("hold/A1", 0700, "me", "Ra@x", "Rb@x >redirect", 2);
    assert_queues("hold A1 me time=1795290872 size=9\n  |a@x||\n  |b@x||\nend\n");
}

static void reasons_come_from_the_logs_and_first(void **state)
{
    (void)state;
    assert_int_equal(mkdir("defer", 0700) | mkdir("defer/A", 0700) | mkdir("deferred/A", 0700) |
                         mkdir("bounce", 0700),
                     0);
    put_message("deferred/A/A1", 0700, "me", "Ra@x Rb@x Dc@x", "", 3);
    put_log("defer/A/A1", "b@x", "try later");
    put_log("bounce/A1", "c@x", "no such user");
    assert_queues("deferred A1 me time=1795290872 size=9\n  |b@x|defer|try later\n  |c@x|bounce|no "
                  "such user\n"
                  "  |a@x||\nend\n");
}

static void addresses_are_quoted(void **state)
{
    (void)state;
    put_message("hold/A1", 0700, "a\\b@x", "Rc\"d@x", "", 1);
    assert_queues("hold A1 \"a\\\\b\"@x time=1795290872 size=9\n  |\"c\\\"d\"@x||\nend\n");
}

static void a_damaged_file_shows_what_can_be_read(void **state)
{
    (void)state;
    put_message("hold/A1", 0700, "me", "Ra@x Rb@x", "", 2);
    assert_int_equal(truncate("hold/A1", 97 + 14 + 4 + 5 + 3), 0);
    assert_queues("hold A1 me time=1795290872 size=9\n  |a@x||\nend\n");
}

/* ---- the wire ---- */

static void what_is_sent_is_received_in_any_pieces(void **state)
{
    const struct listing_message m = { STR("deferred"), STR("A1"), STR("me@x"), 5, 6, true };
    const struct listing_recipient r1 = { STR(""), STR("a@x"), STR("defer"), STR("why") };
    const struct listing_recipient r2 = { STR("o"), STR("b@x"), STR(""), STR("") };
    BUF_AUTO(wire, 0);

    (void)state;
    listing_put_head(&wire);
    for (int i = 0; i < 2; i++) {
        listing_put_message(&wire, &m);
        listing_put_recipient(&wire, &r1);
        listing_put_recipient(&wire, &r2);
        listing_put_end(&wire);
    }
    listing_put_end(&wire);
    for (size_t piece = 1; piece <= wire.len; piece++) {
        struct listing_parser p = { LISTING_HEAD, false };
        BUF_AUTO(in, 0);
        BUF_AUTO(shown, 0);
        struct listing_sink sink = sink_to(&shown);
        for (size_t at = 0; at < wire.len; at += piece) {
            buf_add(&in, str_sub(buf_str(&wire), at, at + piece));
            struct str rest = buf_str(&in);
            listing_parse(&p, &rest, &sink);
            buf_consume(&in, in.len - rest.len);
        }
        assert_int_equal(p.state, LISTING_DONE);
        assert_string_equal(
            buf_cstr(&shown),
            "deferred A1 me@x time=5 size=6 expire\n  |a@x|defer|why\n  o|b@x||\nend\n"
            "deferred A1 me@x time=5 size=6 expire\n  |a@x|defer|why\n  o|b@x||\nend\n");
    }
}

static void another_protocol_is_recognised(void **state)
{
    static const struct str cases[] = {
        STR("protocol\0other_protocol\0\0"),
        STR("queue_name\0deferred\0"),
        STR("\0"),
        STR("protocol\0mail_queue_list_protocol\0\0time\0x\0"),
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct listing_parser p = { LISTING_HEAD, false };
        BUF_AUTO(shown, 0);
        struct listing_sink sink = sink_to(&shown);
        struct str in = cases[i];
        listing_parse(&p, &in, &sink);
        assert_int_equal(p.state, LISTING_BROKEN);
    }
}

static void no_item_is_sent_that_does_not_fit(void **state)
{
    char *room = calloc(1, BOUNCE_LOG_MAX / 64);
    struct str text = { room, BOUNCE_LOG_MAX / 64 };
    struct listing_message m = { text, text, text, 1, 1, true };
    struct listing_recipient r = { text, text, text, text };
    BUF_AUTO(out, 0);

    (void)state;
    listing_put_message(&out, &m);
    assert_in_range(out.len, LISTING_VALUE_MAX, LISTING_ITEM_MAX);
    buf_clear(&out);
    listing_put_recipient(&out, &r);
    assert_in_range(out.len, LISTING_VALUE_MAX, LISTING_ITEM_MAX);
    free(room);
}

#define TEST_IN_QUEUE(f) cmocka_unit_test_setup_teardown(f, scratch_enter, scratch_leave)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST_IN_QUEUE(an_empty_queue_has_no_entries),
        TEST_IN_QUEUE(open_recipients_are_listed_and_done_ones_are_not),
        TEST_IN_QUEUE(files_that_are_being_written_are_passed_over),
        TEST_IN_QUEUE(the_null_sender_has_a_name),
        TEST_IN_QUEUE(recipients_behind_the_content_are_found),
        TEST_IN_QUEUE(reasons_come_from_the_logs_and_first),
        TEST_IN_QUEUE(addresses_are_quoted),
        TEST_IN_QUEUE(a_damaged_file_shows_what_can_be_read),
        cmocka_unit_test(what_is_sent_is_received_in_any_pieces),
        cmocka_unit_test(another_protocol_is_recognised),
        cmocka_unit_test(no_item_is_sent_that_does_not_fit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
