/* postcat's layouts, on queue files of our own, against reference text in tests/golden/queue. */
#include "os/fd.h"
#include "tools/postcat/dump.h"
#include "unit.h"

#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#define SAMPLE "golden/queue/sample" /* a message that waits in deferred */
#define EDITED "golden/queue/edited" /* one with pointers and padding, as a Milter leaves it */

static void no_flush(struct buf *out) { (void)out; }

static void dump(const char *path, const struct dump_options *o, struct buf *out, bool *whole,
                 struct buf *why)
{
    struct queue_file f;
    int fd = open(path, O_RDONLY);

    assert_true(fd >= 0);
    queue_file_init(&f, fd);
    *whole = dump_file(&f, "deferred/4/4A1", o, out, no_flush, why);
    queue_file_close(&f);
}

static const struct {
    const char *sample, *golden;
    struct dump_options o;
} cases[] = {
    { SAMPLE, "golden/queue/sample.all", { .envelope = true, .header = true, .body = true } },
    { SAMPLE,
      "golden/queue/sample.ov",
      { .envelope = true, .header = true, .body = true, .offsets = true, .verbose = true } },
    { SAMPLE, "golden/queue/sample.b", { .body = true } },
    { SAMPLE, "golden/queue/sample.h", { .header = true } },
    { SAMPLE, "golden/queue/sample.fd", { .envelope = true, .file_names = true, .types = true } },
    { EDITED, "golden/queue/edited.all", { .envelope = true, .header = true, .body = true } },
    { EDITED,
      "golden/queue/edited.v",
      { .envelope = true, .header = true, .body = true, .verbose = true } },
    { EDITED,
      "golden/queue/edited.rv",
      { .envelope = true, .header = true, .body = true, .verbose = true, .raw = true } },
};

static void every_layout_is_as_ever(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        BUF_AUTO(out, 0);
        BUF_AUTO(why, 0);
        BUF_AUTO(want, 0);
        bool whole;
        dump(cases[i].sample, &cases[i].o, &out, &whole, &why);
        assert_true(whole);
        assert_true(fd_read_file(AT_FDCWD, cases[i].golden, &want));
        assert_string_equal(buf_cstr(&out), buf_cstr(&want));
    }
}

static void a_truncated_file_is_shown_as_far_as_it_goes(void **state)
{
    const struct dump_options o = { .envelope = true };
    char path[] = "/tmp/relevo-dump-XXXXXX";
    int fd = mkstemp(path);
    BUF_AUTO(bytes, 0);
    BUF_AUTO(out, 0);
    BUF_AUTO(why, 0);
    bool whole;

    (void)state;
    assert_true(fd_read_file(AT_FDCWD, SAMPLE, &bytes));
    assert_true(fd_write_all(fd, str_sub(buf_str(&bytes), 0, 130)));
    close(fd);
    dump(path, &o, &out, &whole, &why);
    unlink(path);
    assert_false(whole);
    assert_true(why.len > 0);
    assert_true(str_find_str(buf_str(&out), STR("message_arrival_time: ")) != STR_NOT_FOUND);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_layout_is_as_ever),
        cmocka_unit_test(a_truncated_file_is_shown_as_far_as_it_goes),
    };
    (void)setenv("TZ", "UTC", 1);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
