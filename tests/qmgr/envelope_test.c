#include "qmgr/envelope.h"
#include "unit.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

/* Queue files in the making: envelope, three bytes of content, extracted part. */
struct draft {
    struct buf envelope, extracted;
};

static void put(struct buf *b, char type, const char *text) { record_put(b, type, str_from(text)); }

static void draft_init(struct draft *d)
{
    *d = (struct draft){ 0 };
    put(&d->envelope, REC_TIME, "1795290872 727590");
    put(&d->envelope, REC_ATTR, "create_time=1795290800");
    put(&d->envelope, REC_SENDER, "s@x.test");
}

static void add_rcpt(struct buf *b, const char *attr, const char *orig, const char *rcpt)
{
    if (attr)
        put(b, REC_ATTR, attr);
    if (orig)
        put(b, REC_ORCPT, orig);
    put(b, REC_RCPT, rcpt);
}

static void assemble(struct draft *d, struct buf *file)
{
    struct buf content = { 0 };
    char size[RECORD_SIZE_BYTES + 1];

    put(&d->envelope, REC_MESSAGE, "");
    put(&content, REC_TEXT, "hey");
    struct record_size s = { .content_size = (int64_t)content.len,
                             .data_offset = 97 + (int64_t)d->envelope.len,
                             .rcpt_count = 1,
                             .text_size = 4 };
    record_size_format(&s, size);
    record_put(file, REC_SIZE, (struct str){ size, RECORD_SIZE_BYTES });
    buf_add(file, buf_str(&d->envelope));
    buf_add(file, buf_str(&content));
    put(file, REC_EXTRACTED, "");
    buf_add(file, buf_str(&d->extracted));
    put(file, REC_END, "");
    buf_free(&content);
    buf_free(&d->envelope);
    buf_free(&d->extracted);
}

static void open_bytes(struct queue_file *f, struct str bytes)
{
    int fd = memfd_create("envelope", MFD_CLOEXEC);

    assert_true(fd >= 0);
    assert_int_equal(pwrite(fd, bytes.ptr, bytes.len, 0), bytes.len);
    queue_file_init(f, fd);
}

/* What was read, and how much is wanted. */
struct taken {
    struct envelope_rcpt rcpt[100];
    struct arena *arena;
    int count, want;
};

static bool take(void *context, const struct envelope_rcpt *rcpt)
{
    struct taken *t = context;

    if (t->count >= t->want)
        return false;
    t->rcpt[t->count] = *rcpt;
    t->rcpt[t->count++].text.address = arena_str(t->arena, rcpt->text.address);
    return true;
}

static enum envelope_result read_bytes(struct str bytes, struct arena *a, struct taken *t,
                                       struct envelope *e)
{
    struct queue_file f;

    t->arena = a;
    open_bytes(&f, bytes);
    enum envelope_result result = envelope_read(&f, a, take, t, e);
    queue_file_close(&f);
    return result;
}

static void check(struct str got, const char *want)
{
    assert_int_equal(got.len, strlen(want));
    assert_memory_equal(got.ptr, want, got.len);
}

static void everything_of_an_ordinary_file_is_read(void **state)
{
    ARENA_AUTO(arena);
    struct draft d;
    struct buf file = { 0 };
    struct taken t = { .want = 100 };
    struct envelope e;

    (void)state;
    draft_init(&d);
    put(&d.envelope, REC_ATTR, "client_address=192.0.2.1");
    put(&d.envelope, REC_ATTR, "ret_flags=2");
    put(&d.envelope, REC_ATTR, "envelope_id=e1");
    put(&d.envelope, REC_ATTR, "trace_flags=512");
    put(&d.envelope, REC_ATTR, "unheard_of=1");
    put(&d.envelope, REC_WARN, "     1795300000");
    put(&d.envelope, REC_VERP, "+=");
    add_rcpt(&d.envelope, "notify_flags=6", "o@y.test", "r@y.test");
    put(&d.envelope, REC_DONE, "gone@y.test");
    add_rcpt(&d.envelope, "dsn_orig_rcpt=rfc822;z@y.test", NULL, "z@y.test");
    put(&d.extracted, REC_FILTER, "scan:[::1]");
    put(&d.extracted, REC_REDIRECT, "boss@y.test");
    add_rcpt(&d.extracted, NULL, NULL, "bcc@y.test");
    assemble(&d, &file);
    assert_int_equal(read_bytes(buf_str(&file), &arena, &t, &e), ENVELOPE_OK);
    check(e.text[DETAIL_SENDER], "s@x.test");
    check(e.text[DETAIL_CLIENT_ADDR], "192.0.2.1");
    check(e.text[DETAIL_ENVID], "e1");
    check(e.text[DETAIL_VERP], "+=");
    check(e.text[DETAIL_FILTER], "scan:[::1]");
    check(e.text[DETAIL_REDIRECT], "boss@y.test");
    assert_int_equal(e.arrival.tv_usec, 727590);
    assert_int_equal(e.create_time, 1795290800);
    assert_int_equal(e.warn_time, 1795300000);
    assert_int_equal(file.ptr[e.warn_at], REC_WARN);
    assert_int_equal(e.ret_flags, 2);
    assert_int_equal(e.trace_flags, 512);
    assert_int_equal(e.resume_at, 0);
    assert_int_equal(t.count, 3);
    check(t.rcpt[0].text.address, "r@y.test");
    check(t.rcpt[0].text.orig, "o@y.test");
    assert_int_equal(t.rcpt[0].notify, 6);
    assert_int_equal(file.ptr[t.rcpt[0].offset], REC_RCPT);
    check(t.rcpt[1].text.orcpt, "rfc822;z@y.test");
    assert_int_equal(t.rcpt[1].text.orig.len + (size_t)t.rcpt[1].notify, 0);
    check(t.rcpt[2].text.address, "bcc@y.test");
    buf_free(&file);
}

static void a_limit_stops_and_reading_goes_on_where_it_stopped(void **state)
{
    ARENA_AUTO(arena);
    struct draft d;
    struct buf file = { 0 };
    char name[20];

    (void)state;
    draft_init(&d);
    for (int i = 0; i < 25; i++) {
        snprintf(name, sizeof name, "u%d@y.test", i);
        add_rcpt(i < 20 ? &d.envelope : &d.extracted, i % 3 ? NULL : "notify_flags=2",
                 i % 2 ? NULL : "o@y.test", name);
    }
    assemble(&d, &file);
    for (int limit = 1; limit < 30; limit++) {
        struct taken t = { .want = limit };
        struct queue_file f;
        struct envelope e;
        int seen = 0;

        assert_int_equal(read_bytes(buf_str(&file), &arena, &t, &e), ENVELOPE_OK);
        open_bytes(&f, buf_str(&file));
        for (;;) {
            for (int i = 0; i < t.count; i++, seen++) {
                snprintf(name, sizeof name, "u%d@y.test", seen);
                check(t.rcpt[i].text.address, name);
                assert_int_equal(t.rcpt[i].notify, seen % 3 ? 0 : 2);
                assert_int_equal(t.rcpt[i].text.orig.len, seen % 2 ? 0 : 8);
            }
            if (e.resume_at == 0)
                break;
            t.count = 0;
            assert_int_equal(envelope_read_more(&f, &arena, take, &t, &e), ENVELOPE_OK);
        }
        assert_int_equal(seen, 25);
        queue_file_close(&f);
    }
    buf_free(&file);
}

static void a_file_cut_anywhere_is_corrupt(void **state)
{
    ARENA_AUTO(arena);
    struct draft d;
    struct buf file = { 0 };
    struct taken t = { .want = 100 };
    struct envelope e;

    (void)state;
    draft_init(&d);
    add_rcpt(&d.envelope, NULL, NULL, "r@y.test");
    assemble(&d, &file);
    for (size_t len = 0; len < file.len; len++) {
        t.count = 0;
        assert_int_equal(read_bytes(str_sub(buf_str(&file), 0, len), &arena, &t, &e),
                         ENVELOPE_CORRUPT);
        assert_non_null(e.trouble);
    }
    buf_free(&file);
}

static void what_is_no_message_is_corrupt(void **state)
{
    static const struct {
        char type;
        const char *text;
        bool in_extracted;
        const char *trouble;
    } cases[] = {
        { 'Q', "x", false, "unexpected record type" },
        { REC_TEXT, "x", false, "unexpected record type" },
        { REC_END, "", false, "unexpected record type" },
        { REC_SENDER, "x", true, "unexpected record type" },
        { REC_POINTER, "99999999", false, "damaged record" },
        { REC_POINTER, "97", false, "damaged record" },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        ARENA_AUTO(arena);
        struct draft d;
        struct buf file = { 0 };
        struct taken t = { .want = 100 };
        struct envelope e;

        draft_init(&d);
        put(cases[i].in_extracted ? &d.extracted : &d.envelope, cases[i].type, cases[i].text);
        assemble(&d, &file);
        assert_int_equal(read_bytes(buf_str(&file), &arena, &t, &e), ENVELOPE_CORRUPT);
        assert_string_equal(e.trouble, cases[i].trouble);
        buf_free(&file);
    }
}

/* What no writer of ours makes (it refuses to), byte by byte. */
static void put_by_hand(struct buf *out, char type, struct str payload)
{
    buf_addc(out, type);
    for (size_t left = payload.len;; left >>= 7) {
        buf_addc(out, (char)((left & 0x7f) | (left > 0x7f ? 0x80 : 0)));
        if (left <= 0x7f)
            break;
    }
    buf_add(out, payload);
}

static enum envelope_result read_with(char type, struct str payload, bool extracted)
{
    ARENA_AUTO(arena);
    struct draft d;
    struct buf file = { 0 };
    struct taken t = { .want = 100 };
    struct envelope e;

    draft_init(&d);
    put_by_hand(extracted ? &d.extracted : &d.envelope, type, payload);
    assemble(&d, &file);
    enum envelope_result result = read_bytes(buf_str(&file), &arena, &t, &e);
    buf_free(&file);
    return result;
}

static void a_record_may_be_as_long_as_its_writer_can_make_it(void **state)
{
    static const char types[] = { REC_RCPT,   REC_ORCPT,    REC_ATTR,
                                  REC_FILTER, REC_REDIRECT, REC_FULL_NAME };
    struct buf big = { 0 };

    (void)state;
    buf_add_cstr(&big, "envelope_id=");
    while (big.len <= RECORD_ATTR_MAX)
        buf_addc(&big, 'x');
    for (size_t i = 0; i < sizeof types; i++)
        for (int extracted = 0; extracted < 2; extracted++) {
            size_t limit = record_limit(types[i], SEGMENT_ENVELOPE);
            assert_int_equal(read_with(types[i], str_sub(buf_str(&big), 0, limit), extracted),
                             ENVELOPE_OK);
            assert_int_equal(read_with(types[i], str_sub(buf_str(&big), 0, limit + 1), extracted),
                             ENVELOPE_CORRUPT);
        }
    buf_free(&big);
}

static void binary_recipients_are_refused(void **state)
{
    ARENA_AUTO(arena);
    struct draft d;
    struct buf file = { 0 };
    struct taken t = { .want = 100 };
    struct envelope e;

    (void)state;
    draft_init(&d);
    record_put(&d.envelope, REC_RCPT, STR("a\0b"));
    assemble(&d, &file);
    assert_int_equal(read_bytes(buf_str(&file), &arena, &t, &e), ENVELOPE_CORRUPT);
    buf_free(&file);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(everything_of_an_ordinary_file_is_read),
        cmocka_unit_test(a_limit_stops_and_reading_goes_on_where_it_stopped),
        cmocka_unit_test(a_file_cut_anywhere_is_corrupt),
        cmocka_unit_test(what_is_no_message_is_corrupt),
        cmocka_unit_test(a_record_may_be_as_long_as_its_writer_can_make_it),
        cmocka_unit_test(binary_recipients_are_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
