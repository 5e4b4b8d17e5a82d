#include "os/fd.h"
#include "queue/spare.h"
#include "scratch.h"

#include <fcntl.h>

#define MINE "incoming/727590.1"

static void make(const char *path, struct str content)
{
    FD_AUTO(fd, open(path, O_WRONLY | O_CREAT | O_EXCL, 0700));

    assert_true(fd >= 0 && fd_write_all(fd, content));
}

static bool exists(const char *path) { return access(path, F_OK) == 0; }

static void a_file_that_was_put_can_be_taken_once(void **state)
{
    struct queue_spares s = { 0 };
    off_t size;
    struct stat st;

    (void)state;
    make("active/A", STR("old message"));
    assert_true(queue_spare_put(&s, "active/A"));
    assert_false(exists("active/A"));
    FD_AUTO(fd, queue_spare_take(&s, 17, MINE, &size));
    assert_true(fd >= 0);
    assert_int_equal(size, strlen("old message"));
    assert_int_equal(stat(MINE, &st), 0);
    assert_int_equal(st.st_mode & 07777, 0600);
    assert_int_equal(queue_spare_take(&s, 17, "incoming/2.1", &size), -1);
}

static void only_as_many_as_there_are_places_are_kept(void **state)
{
    struct queue_spares s = { 0 };
    char path[32];

    (void)state;
    for (int i = 0; i <= QUEUE_SPARES; i++) {
        snprintf(path, sizeof path, "active/%d", i);
        make(path, STR("x"));
        assert_int_equal(queue_spare_put(&s, path), i < QUEUE_SPARES);
    }
    assert_true(exists(path));
    queue_spares_clear(&s);
    assert_false(exists("spare/0"));
    assert_int_equal(atomic_load(&s.full), 0);
}

static void large_files_links_and_what_is_gone_are_not_kept(void **state)
{
    static char large[QUEUE_SPARE_SIZE_MAX + 1];
    struct queue_spares s = { 0 };

    (void)state;
    make("active/large", (struct str){ large, sizeof large });
    assert_int_equal(symlink("/etc/passwd", "active/link"), 0);
    assert_false(queue_spare_put(&s, "active/large"));
    assert_false(queue_spare_put(&s, "active/link"));
    assert_false(queue_spare_put(&s, "active/gone"));
    assert_int_equal(atomic_load(&s.full), 0);
}

static void a_file_with_a_second_name_is_not_written_again(void **state)
{
    struct queue_spares s = { 0 };
    BUF_AUTO(back, 0);
    off_t size;

    (void)state;
    make("active/A", STR("backed up"));
    assert_int_equal(link("active/A", "hold/copy"), 0);
    assert_true(queue_spare_put(&s, "active/A"));
    assert_int_equal(queue_spare_take(&s, 0, MINE, &size), -1);
    assert_false(exists(MINE));
    assert_true(fd_read_file(AT_FDCWD, "hold/copy", &back));
    assert_str_equal(buf_str(&back), "backed up");
}

static void a_bit_without_a_file_gives_nothing(void **state)
{
    struct queue_spares s = { .full = UINT64_MAX };
    off_t size;

    (void)state;
    assert_int_equal(queue_spare_take(&s, 63, MINE, &size), -1);
    assert_int_equal(atomic_load(&s.full), UINT64_MAX >> 1);
    assert_int_equal(queue_spare_take(NULL, 63, MINE, &size), -1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SCRATCH_TEST(a_file_that_was_put_can_be_taken_once),
        SCRATCH_TEST(only_as_many_as_there_are_places_are_kept),
        SCRATCH_TEST(large_files_links_and_what_is_gone_are_not_kept),
        SCRATCH_TEST(a_file_with_a_second_name_is_not_written_again),
        SCRATCH_TEST(a_bit_without_a_file_gives_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
